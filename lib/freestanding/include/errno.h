/* SPDX-License-Identifier: MIT */
/* Error numbers: Linux/arm64's values. Functions return them negated. */
#pragma once

#define EPERM           1   /* Operation not permitted */
#define ENOENT          2   /* No such file or directory */
#define ESRCH           3   /* No such process */
#define EINTR           4   /* Interrupted by a signal */
#define EIO             5   /* Input or output error */
#define ENXIO           6   /* No such device or address */
#define E2BIG           7   /* Argument list too long */
#define ENOEXEC         8   /* Not a program that can run */
#define EBADF           9   /* Bad handle */
#define ECHILD          10  /* No child process */
#define EAGAIN          11  /* Would block */
#define ENOMEM          12  /* Out of memory */
#define EACCES          13  /* Permission denied */
#define EFAULT          14  /* Bad address */
#define ENOTBLK         15  /* Block device wanted */
#define EBUSY           16  /* Busy */
#define EEXIST          17  /* Exists already */
#define EXDEV           18  /* Across file systems */
#define ENODEV          19  /* No such device */
#define ENOTDIR         20  /* Not a directory */
#define EISDIR          21  /* Is a directory */
#define EINVAL          22  /* Invalid argument */
#define ENFILE          23  /* Too many open files in the system */
#define EMFILE          24  /* Too many handles in the process */
#define ENOTTY          25  /* Not a terminal, or no such control */
#define ETXTBSY         26  /* Program is running */
#define EFBIG           27  /* File too large */
#define ENOSPC          28  /* No space left */
#define ESPIPE          29  /* Cannot seek */
#define EROFS           30  /* Read-only file system */
#define EMLINK          31  /* Too many links */
#define EPIPE           32  /* Nobody reads */
#define EDOM            33  /* Argument outside the function's domain */
#define ERANGE          34  /* Result out of range */
#define EDEADLK         35  /* Would deadlock */
#define ENAMETOOLONG    36  /* Name too long */
#define ENOLCK          37  /* No locks left */
#define ENOSYS          38  /* No such system call */
#define ENOTEMPTY       39  /* Directory not empty */
#define ELOOP           40  /* Too many symbolic links */
#define ENOMSG          42  /* No message of that type */
#define EIDRM           43  /* Identifier removed */
#define ENOSTR          60  /* Not a stream */
#define ENODATA         61  /* No data */
#define ETIME           62  /* Timer expired */
#define ENONET          64  /* Machine is not on the network */
#define ENOLINK         67  /* Link severed */
#define EPROTO          71  /* Protocol error */
#define EBADMSG         74  /* Bad message */
#define EOVERFLOW       75  /* Value too large */
#define ENOTUNIQ        76  /* Name not unique */
#define EBADFD          77  /* Handle in the wrong state */
#define EILSEQ          84  /* Invalid byte sequence */
#define EUSERS          87  /* Too many users */
#define ENOTSOCK        88  /* Not a socket */
#define EDESTADDRREQ    89  /* Destination address wanted */
#define EMSGSIZE        90  /* Message too long */
#define EPROTOTYPE      91  /* Wrong protocol for the socket */
#define ENOPROTOOPT     92  /* No such protocol option */
#define EPROTONOSUPPORT 93  /* Protocol not supported */
#define ESOCKTNOSUPPORT 94  /* Socket type not supported */
#define EOPNOTSUPP      95  /* Not supported on this object */
#define EPFNOSUPPORT    96  /* Protocol family not supported */
#define EAFNOSUPPORT    97  /* Address family not supported */
#define EADDRINUSE      98  /* Address in use */
#define EADDRNOTAVAIL   99  /* Address not available */
#define ENETDOWN        100 /* Network is down */
#define ENETUNREACH     101 /* Network unreachable */
#define ENETRESET       102 /* Connection dropped by the network */
#define ECONNABORTED    103 /* Connection aborted */
#define ECONNRESET      104 /* Connection reset by the peer */
#define ENOBUFS         105 /* No buffer space */
#define EISCONN         106 /* Already connected */
#define ENOTCONN        107 /* Not connected */
#define ESHUTDOWN       108 /* Socket was shut down */
#define ETOOMANYREFS    109 /* Too many handles in flight */
#define ETIMEDOUT       110 /* Timed out */
#define ECONNREFUSED    111 /* Connection refused */
#define EHOSTDOWN       112 /* Host is down */
#define EHOSTUNREACH    113 /* Host unreachable */
#define EALREADY        114 /* Already in progress */
#define EINPROGRESS     115 /* In progress */
#define ESTALE          116 /* Stale file handle */
#define EDQUOT          122 /* Quota exceeded */
#define ENOMEDIUM       123 /* No medium */
#define ECANCELED       125 /* Cancelled */
#define ENOKEY          126 /* Key not available */
#define EKEYREJECTED    129 /* Key was rejected */
#define EOWNERDEAD      130 /* Owner died */
#define ENOTRECOVERABLE 131 /* State not recoverable */

#define EWOULDBLOCK EAGAIN
#define EDEADLOCK   EDEADLK
#define ENOTSUP     EOPNOTSUPP
