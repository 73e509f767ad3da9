/* file.h - whole files, in and out. */
#ifndef APP_FILE_H
#define APP_FILE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/** Reads a file ("-": the standard input) of at most `limit` bytes; ERR_NOT_FOUND, ERR_IO or ERR_TOO_LARGE. */
enum err file_read(const char *path, size_t limit, struct arena *a, struct slice *out,
                   struct err_info *e);

/** Makes a file of mode 0600 that is there whole or not at all; it must not exist before. */
enum err file_create_private(const char *path, struct slice bytes, struct err_info *e);

/** Makes a directory of mode 0700, and what it stands in, unless it is there. */
enum err file_make_dir(const char *path, struct err_info *e);

/** `path` as seen from the directory of the file `from`, unless it is absolute. */
struct slice file_beside(const char *from, struct slice path, struct arena *a);

#endif
