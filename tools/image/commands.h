/* SPDX-License-Identifier: MIT */
/* The commands that read images, after their arguments were parsed. Each returns the exit status. */
#ifndef TOOLS_IMAGE_COMMANDS_H
#define TOOLS_IMAGE_COMMANDS_H

#include "tools/image/imagefile.h"

int show_image(struct image_file *r);
int list_image(struct image_file *r);
/* Reads and checks every block. `is_signed`: the signature was checked when the image was opened. */
int verify_image(struct image_file *r, bool is_signed);
int digest_file(struct image_file *r, const char *path);

/* Writes the tree into the directory `to`, which must be empty or absent. */
#define EXTRACT_OWNERS 0x1u /* set owners and all mode bits, which takes a privileged user */
int extract_image(struct image_file *r, const char *to, unsigned int flags);

#endif
