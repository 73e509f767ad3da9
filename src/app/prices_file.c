/* prices_file.c - where the catalogue of prices comes from. */
#include "app/prices_file.h"

#include "app/file.h"

#define MOST_BYTES (16 << 20)

enum err prices_read(const char *path, struct catalogue **out, struct err_info *e)
{
    struct err_info why = {.code = ERR_NONE};
    struct slice text;
    struct arena a;

    *out = NULL;
    if (!path || !*path) {
        *out = catalogue_builtin();
        return ERR_NONE;
    }
    arena_init(&a, 0);
    if (file_read(path, MOST_BYTES, &a, &text, e) == ERR_NONE && catalogue_parse(text, out, &why))
        err_set(e, why.code, "%s: %s", path, err_info_text(&why));
    arena_release(&a);
    return e->code;
}

enum err prices_use(const char *path, struct policy_state *state, struct err_info *e)
{
    struct catalogue *catalogue;

    if (prices_read(path, &catalogue, e))
        return e->code;
    policy_state_use_catalogue(state, catalogue);
    catalogue_unref(catalogue);
    return ERR_NONE;
}
