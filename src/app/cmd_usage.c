/* cmd_usage.c - gproxy usage: totals and rows of the ledger. */
#include <stdlib.h>
#include <string.h>

#include "app/catch_up.h"
#include "app/commands.h"
#include "app/flags.h"
#include "app/usage_lines.h"
#include "app/zone_file.h"
#include "base/array.h"
#include "base/clock.h"
#include "store/store.h"

#define DEFAULT_GROUPS (1u << LEDGER_BY_USER | 1u << LEDGER_BY_KEY | 1u << LEDGER_BY_MODEL)

enum form { FORM_TABLE, FORM_JSON, FORM_CSV };

/* "2026-11-22": the beginning of that day in the zone. */
static bool parse_date(struct slice text, const struct zone *zone, int64_t *unix_ms)
{
    char noon[32];
    int64_t utc;

    if (text.len != 10)
        return false;
    snprintf(noon, sizeof(noon), "%.*sT12:00:00Z", SLICE_ARG(text));
    if (!clock_parse(slice_str(noon), &utc))
        return false;
    utc -= (int64_t)zone_span_at(zone, utc / 1000).offset_s * 1000; // noon there
    *unix_ms = zone_slot_at(zone, ZONE_DAY, utc).begin_unix_ms;
    return true;
}

/* As flag_time(), or a date. */
static bool read_time(const struct command_context *x, const char *name, int64_t now,
                      const struct zone *zone, int64_t *out)
{
    return parse_date(slice_str(flag_text(x, name)), zone, out) || flag_time(x, name, now, out);
}

static bool read_zone(const struct command_context *x, struct zone *zone)
{
    struct err_info e = {.code = ERR_NONE};
    const char *name = flag_text(x, "tz");

    if (!zone_load(slice_str(name ? name : "UTC"), x->arena, zone, &e))
        return true;
    command_misused(x, "--tz: %s", err_info_text(&e));
    return false;
}

static bool add_step(const struct command_context *x, enum ledger_step step,
                     struct ledger_filter *f)
{
    if (f->step && f->step != step) {
        command_misused(x, "--by has both %s and %s: one step of time is enough",
                        ledger_step_name(f->step), ledger_step_name(step));
        return false;
    }
    f->step = step;
    return true;
}

/* One name of --by. */
static bool add_group(const struct command_context *x, struct slice name, struct ledger_filter *f)
{
    enum ledger_step step;
    enum ledger_group g;

    if (ledger_step_parse(name, &step))
        return add_step(x, step, f);
    if (ledger_group_parse(name, &g)) {
        f->groups |= 1u << g;
        return true;
    }
    command_misused(x,
                    "--by is \"%.*s\", not user, key, provider, model, alias, status, minute, hour "
                    "or day, or several with commas between",
                    SLICE_ARG(name));
    return false;
}

static bool read_groups(const struct command_context *x, struct ledger_filter *f)
{
    struct slice rest = slice_str(flag_text(x, "by"));

    f->groups = rest.ptr ? 0 : DEFAULT_GROUPS;
    while (rest.len) {
        struct slice name = slice_cut(rest, ',', &rest);
        if (!add_group(x, name, f))
            return false;
    }
    return true;
}

/* Ids of exchanges, as x-gproxy-request-id has them. */
static bool read_id(const struct command_context *x, const char *name, struct slice *out)
{
    unsigned char id[ID_BYTES];

    *out = slice_str(flag_text(x, name));
    if (!out->ptr || id_pack(*out, id))
        return true;
    command_misused(x, "--%s is \"%s\", not the id of a record", name, out->ptr);
    return false;
}

static bool read_filter(const struct command_context *x, int64_t now, struct zone *zone,
                        struct ledger_filter *f)
{
    *f = (struct ledger_filter){
        .user = slice_str(flag_text(x, "user")),
        .key = slice_str(flag_text(x, "key")),
        .provider = slice_str(flag_text(x, "provider")),
        .model = slice_str(flag_text(x, "model")),
        .alias = slice_str(flag_text(x, "alias")),
        .outcome = slice_str(flag_text(x, "status")),
        .zone = zone,
    };
    return read_zone(x, zone) && read_time(x, "since", now, zone, &f->since_unix_ms) &&
           read_time(x, "until", now, zone, &f->until_unix_ms) && read_groups(x, f) &&
           flag_count(x, "limit", INT64_MAX, &f->limit) && read_id(x, "after", &f->after) &&
           read_id(x, "before", &f->before);
}

/* What belongs to rows or to totals alone. */
static bool check_flags(const struct command_context *x)
{
    static const char *const of_rows[] = {"limit", "after", "before"};
    bool rows = flag_text(x, "rows") != NULL;

    for (size_t i = 0; i < ARRAY_LEN(of_rows); i++) {
        if (!rows && flag_text(x, of_rows[i])) {
            command_misused(x, "--%s is for --rows", of_rows[i]);
            return false;
        }
    }
    if (rows && flag_text(x, "by"))
        command_misused(x, "--by is for totals, not for --rows");
    else if (flag_text(x, "json") && flag_text(x, "csv"))
        command_misused(x, "--json or --csv, not both");
    else if (flag_text(x, "after") && flag_text(x, "before"))
        command_misused(x, "--after or --before, not both");
    else
        return true;
    return false;
}

static void print_bounds(struct usage_printer *p, const struct ledger_filter *f)
{
    char text[ZONE_TEXT_BYTES];

    if (f->since_unix_ms) {
        zone_format(&p->zone, f->since_unix_ms, text);
        fprintf(p->out, "from %s\n", text);
    }
    if (f->until_unix_ms) {
        zone_format(&p->zone, f->until_unix_ms, text);
        fprintf(p->out, "to   %s\n", text);
    }
}

static void print_totals(struct usage_printer *p, struct ledger *l, struct ledger_filter *f,
                         int64_t now, enum form form, struct err_info *e)
{
    switch (form) {
    case FORM_JSON: ledger_totals(l, f, now, usage_print_total_json, p, e); return;
    case FORM_CSV:
        usage_print_total_csv_heading(p);
        ledger_totals(l, f, now, usage_print_total_csv, p, e);
        return;
    case FORM_TABLE: break;
    }
    usage_begin_table(p);
    if (ledger_totals(l, f, now, usage_add_total, p, e))
        return;
    print_bounds(p, f);
    usage_print_table(p);
}

static void print_rows(struct usage_printer *p, struct ledger *l, const struct ledger_filter *f,
                       enum form form, struct err_info *e)
{
    switch (form) {
    case FORM_JSON: ledger_rows(l, f, usage_print_row_json, p, e); return;
    case FORM_CSV:
        usage_print_row_csv_heading(p);
        ledger_rows(l, f, usage_print_row_csv, p, e);
        return;
    case FORM_TABLE: break;
    }
    usage_begin_rows(p);
    ledger_rows(l, f, usage_add_row, p, e);
    usage_print_rows(p);
}

int cmd_usage(struct command_context *x, int argc, char **argv)
{
    struct usage_printer p = {.out = x->out, .arena = x->arena};
    struct err_info e = {.code = ERR_NONE};
    int64_t now = clock_unix_ms();
    enum form form = flag_text(x, "json") ? FORM_JSON : flag_text(x, "csv") ? FORM_CSV : FORM_TABLE;
    struct ledger_filter f;
    struct ledger *l;

    if (argc)
        return command_misused(x, "does not know what \"%s\" is", argv[0]);
    if (!check_flags(x) || !read_filter(x, now, &p.zone, &f))
        return EXIT_USAGE;
    if (ledger_open(x->options.dsn, STORE_MUST_EXIST, &l, &e))
        return command_failed(x, &e);
    catch_up(x, l);
    p.groups = f.groups;
    p.step = f.step;
    if (flag_text(x, "rows"))
        print_rows(&p, l, &f, form, &e);
    else
        print_totals(&p, l, &f, now, form, &e);
    usage_printer_release(&p);
    ledger_close(l);
    return e.code ? command_failed(x, &e) : EXIT_GOOD;
}
