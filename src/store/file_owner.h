/* file_owner.h - whose a file at an upstream is, and by which credential it can be reached. */
#ifndef STORE_FILE_OWNER_H
#define STORE_FILE_OWNER_H

#include "chat/dialect.h"
#include "store/store.h"

#define FILE_OWNER_PAGE_MAX 1000

/* A file at an upstream.  Only who put it there gets at it, and by that credential alone. */
struct file_owner {
    int64_t provider_id, user_id, key_id, credential_id;
    int64_t created_unix_ms;
    enum dialect dialect; // that it was put there in
    struct slice file;    // its id
    struct slice about;   // the upstream's object, JSON
};

/* What of a user's files is looked for, and how much of it. */
struct file_owner_page {
    int64_t user_id;
    enum dialect dialect;
    const int64_t *providers; // [count]: files there
    size_t provider_count;
    const struct slice *files; // [count]: those of these ids; none: all, in pages
    size_t file_count;
    struct slice purpose; // OpenAI's; empty: any
    struct slice after;   // id of the one that the page begins behind; empty: the first page
    bool oldest_first;
    size_t limit; // 1 to FILE_OWNER_PAGE_MAX
};

/* Slices live during the call. */
typedef void file_owner_fn(void *ctx, const struct file_owner *f);

/**
 * Notes it.  What the same user had put there under that id, or anybody has deleted, is
 * replaced; ERR_CONFLICT: it is somebody else's, or there is no such provider.
 */
enum err file_owner_add(struct store *s, const struct file_owner *f, struct err_info *e);

/**
 * A page, without what was deleted; `more`: something follows it.  ERR_NOT_FOUND: `after` was
 * never a file of that user.
 */
enum err file_owner_list(struct store *s, const struct file_owner_page *page, file_owner_fn *each,
                         void *ctx, bool *more, struct err_info *e);

/** It is gone from the upstream; what is not there, or was deleted before, stays so. */
enum err file_owner_delete(struct store *s, int64_t provider_id, struct slice file,
                           int64_t now_unix_ms, struct err_info *e);

#endif
