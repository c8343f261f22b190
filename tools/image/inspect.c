/* SPDX-License-Identifier: MIT */
/* show, list, verify, digest. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "crypto/sha256.h"
#include "tools/image/commands.h"
#include "tools/image/node.h"
#include "tools/key/keyfile.h"

#define NS_PER_S 1000000000

int
show_image(struct image_file *r)
{
	const struct image_header *h = &r->img.header;
	char id[2 * IMAGE_KEY_ID_SIZE + 1];
	printf("kind: %s\n", image_kind_name(h->kind));
	printf("name: %s\n", h->name);
	printf("generation: %llu\n", (unsigned long long)h->generation);
	printf("development: %s\n", h->flags & IMAGE_DEVELOPMENT ? "yes" : "no");
	printf("key: %s\n", key_hex(h->key_id, sizeof(h->key_id), id));
	printf("entries: %u\n", (unsigned int)h->entry_count);
	printf("contents: %u\n", (unsigned int)h->content_count);
	printf("signed: %llu\n", (unsigned long long)h->signed_length);
	printf("tree: %llu\n", (unsigned long long)h->tree_length);
	printf("payload: %llu\n", (unsigned long long)h->payload_length);
	printf("length: %llu\n", (unsigned long long)h->total_length);
	return 0;
}

static void
print_mode(const struct image_entry *e)
{
	static const char bits[] = "rwxrwxrwx";
	char text[11] = "-";
	uint32_t type = e->mode & IMAGE_TYPE_MASK;
	text[0] = type == IMAGE_TYPE_DIR ? 'd' : type == IMAGE_TYPE_LINK ? 'l' : '-';
	for (int i = 0; i < 9; i++)
		text[1 + i] = e->mode & (0400u >> i) ? bits[i] : '-';
	if (e->mode & 04000)
		text[3] = text[3] == 'x' ? 's' : 'S';
	if (e->mode & 02000)
		text[6] = text[6] == 'x' ? 's' : 'S';
	if (e->mode & 01000)
		text[9] = text[9] == 'x' ? 't' : 'T';
	fputs(text, stdout);
}

static int
list_entry(struct image_file *r, const char *path, const struct image_entry *e, void *ctx)
{
	uint64_t size = e->target_length;
	char when[32];
	time_t seconds = e->mtime_ns / NS_PER_S;
	struct tm tm;
	if ((e->mode & IMAGE_TYPE_MASK) == IMAGE_TYPE_FILE) {
		struct image_content c;
		image_content_read(&r->img, e->content, &c);
		size = c.size;
	}
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
	print_mode(e);
	printf(" %-2s %u %u %10llu %s ", e->attributes & IMAGE_ATTR_WX ? "wx" : "-",
		(unsigned int)e->uid, (unsigned int)e->gid, (unsigned long long)size, when);
	print_escaped(path, strlen(path));
	if (e->target_length) {
		fputs(" -> ", stdout);
		print_escaped(e->target, e->target_length);
	}
	putchar('\n');
	return 0;
}

int
list_image(struct image_file *r)
{
	return image_file_walk(r, list_entry, NULL) ? 1 : 0;
}

struct verification {
	bool *seen;           /* contents that several files share are read once */
	unsigned long broken; /* files */
};

static int
verify_entry(struct image_file *r, const char *path, const struct image_entry *e, void *ctx)
{
	struct verification *v = ctx;
	struct image_content c;
	uint8_t block[IMAGE_BLOCK_SIZE];
	if ((e->mode & IMAGE_TYPE_MASK) != IMAGE_TYPE_FILE || v->seen[e->content])
		return 0;
	v->seen[e->content] = true;
	image_content_read(&r->img, e->content, &c);
	int result = 0;
	for (uint64_t i = 0; i * IMAGE_BLOCK_SIZE < c.size; i++)
		if (image_file_block(r, &c, i, block, path) != 0)
			result = -1;
	v->broken += result != 0;
	return result;
}

int
verify_image(struct image_file *r, bool is_signed)
{
	const struct image_header *h = &r->img.header;
	struct verification v = {.seen = must_have(calloc(h->content_count + 1, sizeof(bool)))};
	char id[2 * IMAGE_KEY_ID_SIZE + 1];
	int result = image_file_walk(r, verify_entry, &v);
	free(v.seen);
	if (v.broken)
		warnx("%s: %lu contents are damaged; make or copy the image again", r->path,
			v.broken);
	if (result)
		return 1;
	printf("%s: %s %s, generation %llu: every block is what its digest says; ", r->path,
		image_kind_name(h->kind), h->name, (unsigned long long)h->generation);
	if (is_signed)
		printf("signed by %s\n", key_hex(h->key_id, sizeof(h->key_id), id));
	else
		printf("signature NOT checked, give --pub KEY for that\n");
	return 0;
}

int
digest_file(struct image_file *r, const char *path)
{
	uint8_t descriptor[IMAGE_DESCRIPTOR_SIZE], digest[SHA256_DIGEST_SIZE];
	char hex[2 * SHA256_DIGEST_SIZE + 1];
	struct image_entry e;
	struct image_content c;
	uint32_t index;
	if (image_lookup_path(&r->img, path, &index) != 0) {
		warnx("%s has no %s; swos-image list shows what it has", r->path, path);
		return 1;
	}
	image_entry_read(&r->img, index, &e);
	if ((e.mode & IMAGE_TYPE_MASK) != IMAGE_TYPE_FILE) {
		warnx("%s: %s is not a file; only files have a digest", r->path, path);
		return 1;
	}
	image_content_read(&r->img, e.content, &c);
	image_verity_descriptor(c.size, c.root, descriptor);
	sha256(descriptor, sizeof(descriptor), digest);
	printf("sha256:%s %s\n", key_hex(digest, sizeof(digest), hex), path);
	return 0;
}
