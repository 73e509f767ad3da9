/* zone_file.c - time zones by name, from the system's files. */
#include "app/zone_file.h"

#include <stdlib.h>

#include "app/file.h"

#define ZONE_DIR        "/usr/share/zoneinfo"
#define LOCAL_FILE      "/etc/localtime"
#define FILE_MOST_BYTES ((size_t)256 << 10) // the longest have four KiB

static enum err read_zone(const char *path, struct slice name, struct arena *a, struct zone *out,
                          struct err_info *e)
{
    struct err_info why = {.code = ERR_NONE};
    struct slice bytes;

    if (file_read(path, FILE_MOST_BYTES, a, &bytes, &why) == ERR_NOT_FOUND)
        return err_set(e, ERR_BAD_REQUEST, "there is no time zone \"%.*s\" (no file %s)",
                       SLICE_ARG(name), path);
    if (why.code)
        return err_set(e, why.code, "%s", err_info_text(&why));
    if (!zone_parse(out, bytes))
        return err_set(e, ERR_BAD_REQUEST,
                       "%s is no time zone without leap seconds (TZif, version 2)", path);
    return ERR_NONE;
}

static enum err load_named(struct slice name, struct arena *a, struct zone *out, struct err_info *e)
{
    const char *dir = getenv("TZDIR");

    if (zone_parse_fixed(out, name))
        return ERR_NONE;
    if (!zone_is_name(name))
        return err_set(
            e, ERR_BAD_REQUEST,
            "\"%.*s\" is no time zone: UTC, Europe/Berlin or +05:45 (quarters of an hour)",
            SLICE_ARG(name));
    return read_zone(arena_printf(a, "%s/%.*s", dir && *dir ? dir : ZONE_DIR, SLICE_ARG(name)).ptr,
                     name, a, out, e);
}

/* POSIX, 8.3: a name after a colon or without, the path of a file, or a rule. */
static enum err load_local(struct arena *a, struct zone *out, struct err_info *e)
{
    const char *tz = getenv("TZ");

    if (tz && *tz == ':')
        tz++;
    *out = (struct zone){.times = NULL};
    if (tz && !*tz)
        return ERR_NONE; // UTC
    if (tz && *tz == '/')
        return read_zone(tz, slice_str(tz), a, out, e);
    if (tz)
        return zone_parse_rule(out, slice_str(tz)) ? ERR_NONE
                                                   : load_named(slice_str(tz), a, out, e);
    return read_zone(LOCAL_FILE, SLICE("local"), a, out, e);
}

enum err zone_load(struct slice name, struct arena *a, struct zone *out, struct err_info *e)
{
    if (slice_eq(name, SLICE("local")))
        return load_local(a, out, e);
    return load_named(name, a, out, e);
}
