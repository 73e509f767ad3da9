/* file.c - whole files, in and out. */
#include "app/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

struct held {
    char *bytes;
    size_t len;
};

static void wipe(void *arg)
{
    const struct held *h = arg;

    secret_wipe(h->bytes, h->len);
}

/* Pipes have no size: read until the end. */
static enum err read_all(int fd, const char *path, char *bytes, size_t room, size_t *len,
                         struct err_info *e)
{
    *len = 0;
    while (*len < room) {
        ssize_t got = read(fd, bytes + *len, room - *len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(e, ERR_IO, "cannot read %s: %s", path, strerror(errno));
        if (got == 0)
            return ERR_NONE;
        *len += (size_t)got;
    }
    return err_set(e, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, room - 1);
}

enum err file_read(const char *path, size_t limit, struct arena *a, struct slice *out,
                   struct err_info *e)
{
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    struct held *held;
    size_t room = limit + 1, len = 0;
    char *bytes;

    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot read %s: %s", path,
                       strerror(errno));
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (size_t)st.st_size < limit)
        room = (size_t)st.st_size + 2; // a byte to see the end by, and one for the NUL
    bytes = arena_alloc_raw(a, room, 1);
    if (!read_all(fd, path, bytes, room - 1, &len, e)) {
        bytes[len] = '\0';
        *out = slice_of(bytes, len);
        held = arena_new(a, struct held);
        *held = (struct held){bytes, len};
        arena_defer(a, wipe, held); // it may hold secrets
    }
    close(fd);
    return e->code;
}

static enum err write_all(int fd, const char *path, struct slice bytes, struct err_info *e)
{
    while (bytes.len) {
        ssize_t done = write(fd, bytes.ptr, bytes.len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_set(e, ERR_IO, "cannot write %s: %s", path, strerror(errno));
        bytes = slice_after(bytes, (size_t)done);
    }
    if (fsync(fd))
        return err_set(e, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    return ERR_NONE;
}

/* Written under another name and linked, so that nobody ever reads half of it. */
enum err file_create_private(const char *path, struct slice bytes, struct err_info *e)
{
    char draft[PATH_MAX];
    int len = snprintf(draft, sizeof(draft), "%s.%ld", path, (long)getpid());
    int fd;

    if (len < 0 || (size_t)len >= sizeof(draft))
        return err_set(e, ERR_IO, "the path of %s is too long", path);
    fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, ERR_IO, "cannot make %s: %s", draft, strerror(errno));
    write_all(fd, draft, bytes, e);
    if (close(fd) && !e->code)
        err_set(e, ERR_IO, "cannot write %s: %s", draft, strerror(errno));
    if (!e->code && link(draft, path))
        err_set(e, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "cannot make %s: %s", path,
                strerror(errno));
    unlink(draft);
    return e->code;
}

enum err file_make_dir(const char *path, struct err_info *e)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    struct stat st;

    if (len >= sizeof(part))
        return err_set(e, ERR_IO, "the path %s is too long", path);
    for (size_t i = 1; i <= len; i++) {
        if (i < len && path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0700) && errno != EEXIST)
            return err_set(e, ERR_IO, "cannot make the directory %s: %s", part, strerror(errno));
    }
    if (stat(path, &st) || !S_ISDIR(st.st_mode))
        return err_set(e, ERR_IO, "%s is not a directory", path);
    return ERR_NONE;
}

struct slice file_beside(const char *from, struct slice path, struct arena *a)
{
    size_t slash = slice_find_last(slice_str(from), '/');

    if (slice_starts(path, SLICE("/")) || slash == SIZE_MAX)
        return arena_dup(a, path);
    return arena_printf(a, "%.*s/%.*s", (int)slash, from, SLICE_ARG(path));
}
