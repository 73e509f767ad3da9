/* secret_file.c - where the master key comes from. */
#include "app/secret_file.h"

#include <sys/stat.h>

#include "app/file.h"
#include "base/secret.h"

#define KEY_FILE       "secret.key"
#define FILE_MAX_BYTES 4096

static enum err check_mode(const char *path, struct err_info *e)
{
    struct stat st;

    if (!stat(path, &st) && (st.st_mode & 077))
        return err_set(e, ERR_IO, "%s can be read by others: chmod 600 it", path);
    return ERR_NONE;
}

static enum err read_file(const char *path, struct arena *a, struct master_key *out,
                          struct err_info *e)
{
    struct slice text;

    if (file_read(path, FILE_MAX_BYTES, a, &text, e) || check_mode(path, e))
        return e->code;
    if (!master_key_parse(text, out))
        return err_set(e, ERR_DAMAGED, "%s holds no key: 64 hexadecimal digits are expected", path);
    return ERR_NONE;
}

static enum err make_file(const char *dir, const char *path, struct master_key *out,
                          struct err_info *e)
{
    char text[MASTER_KEY_TEXT_BYTES];

    master_key_generate(out);
    master_key_format(out, text);
    text[MASTER_KEY_TEXT_BYTES - 1] = '\n'; // in place of the NUL
    if (!file_make_dir(dir, e))
        file_create_private(path, slice_of(text, sizeof(text)), e);
    secret_wipe(text, sizeof(text));
    return e->code;
}

enum err secret_key_load(const struct options *o, bool may_make, struct arena *a,
                         struct master_key *out, const char **made, struct err_info *e)
{
    struct slice given = secret_reveal(o->secret_key);
    struct err_info why = {.code = ERR_NONE};
    const char *path = arena_printf(a, "%s/" KEY_FILE, o->data_dir).ptr;

    *made = NULL;
    if (given.ptr && !master_key_parse(given, out))
        return err_set(e, ERR_BAD_REQUEST,
                       "the secret key must be 64 hexadecimal digits, or 32 bytes in base64");
    if (given.ptr || !read_file(path, a, out, &why))
        return ERR_NONE;
    if (why.code != ERR_NOT_FOUND)
        return err_set(e, why.code, "%s", err_info_text(&why));
    if (!may_make)
        return err_set(e, ERR_NOT_FOUND,
                       "the database is sealed with a secret key, and neither --secret-key nor %s "
                       "gives it",
                       path);
    why.code = ERR_NONE;
    if (make_file(o->data_dir, path, out, &why) == ERR_CONFLICT)
        return read_file(path, a, out, e); // another process was faster
    if (why.code)
        return err_set(e, why.code, "%s", err_info_text(&why));
    *made = path;
    return ERR_NONE;
}
