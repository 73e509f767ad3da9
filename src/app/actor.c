/* actor.c - who this process is, for the audit log. */
#include "app/actor.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/slice.h"

#define NAME_BYTES 256

/*
 * The name of a user id by /etc/passwd; getpwuid() asks services that a static binary cannot
 * load.  False: it has none there.
 */
static bool find_name(uid_t uid, char out[NAME_BYTES])
{
    FILE *file = fopen("/etc/passwd", "r");
    char line[1024];
    bool found = false;

    while (file && !found && fgets(line, sizeof(line), file)) {
        struct slice rest, name = slice_cut(slice_str(line), ':', &rest);
        uint64_t id;
        slice_cut(rest, ':', &rest); // the password
        found = slice_to_u64(slice_cut(rest, ':', &rest), &id) && id == uid;
        if (found)
            snprintf(out, NAME_BYTES, "%.*s", SLICE_ARG(name));
    }
    if (file)
        fclose(file);
    return found;
}

static const char *host(char out[NAME_BYTES])
{
    if (gethostname(out, NAME_BYTES))
        out[0] = '\0';
    out[NAME_BYTES - 1] = '\0';
    return out;
}

void actor_is_caller(struct store *s, const char *note)
{
    const char *behind = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
    char name[NAME_BYTES], origin[NAME_BYTES], whole[2 * NAME_BYTES];

    if (!find_name(geteuid(), name))
        snprintf(name, sizeof(name), "uid %u", (unsigned)geteuid());
    snprintf(whole, sizeof(whole), "%s%s%s%s", name, behind ? " (sudo by " : "",
             behind ? behind : "", behind ? ")" : "");
    store_set_actor(s, &(struct store_actor){"cli", whole, host(origin), note});
}

void actor_is_file(struct store *s, const char *path)
{
    char origin[NAME_BYTES];

    store_set_actor(s, &(struct store_actor){"config", path, host(origin), NULL});
}

void actor_is_bootstrap(struct store *s)
{
    char origin[NAME_BYTES];

    store_set_actor(s, &(struct store_actor){"bootstrap", "gproxy", host(origin), NULL});
}
