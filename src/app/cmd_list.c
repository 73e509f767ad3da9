/* cmd_list.c - gproxy provider list, gproxy model list. */
#include <string.h>

#include "app/session.h"
#include "json/raw.h"
#include "json/scan.h"

static size_t count_credentials(const struct session *s, int64_t provider_id)
{
    const struct credential_row *all = ROWS(&s->rows, ROW_CREDENTIAL, struct credential_row);
    size_t count = 0;

    for (size_t i = 0; i < s->rows.counts[ROW_CREDENTIAL]; i++)
        count += all[i].provider_id == provider_id && all[i].enabled;
    return count;
}

static size_t count_models(const struct session *s, int64_t provider_id)
{
    const struct model_row *all = ROWS(&s->rows, ROW_MODEL, struct model_row);
    size_t count = 0;

    for (size_t i = 0; i < s->rows.counts[ROW_MODEL]; i++)
        count += all[i].provider_id == provider_id && all[i].enabled;
    return count;
}

static struct slice base_url(const struct provider_row *p)
{
    struct slice value = {NULL, 0}, inside;

    json_get(p->settings, SLICE("base_url"), &value);
    return json_string_plain(value, &inside) ? inside : SLICE("(the channel's)");
}

static void list_providers(const struct session *s)
{
    const struct provider_row *all = ROWS(&s->rows, ROW_PROVIDER, struct provider_row);

    fprintf(s->x->out, "%-24s %-12s %-8s %11s %6s  %s\n", "NAME", "CHANNEL", "STATE", "CREDENTIALS",
            "MODELS", "BASE URL");
    for (size_t i = 0; i < s->rows.counts[ROW_PROVIDER]; i++)
        fprintf(s->x->out, "%-24.*s %-12.*s %-8s %11zu %6zu  %.*s\n", SLICE_ARG(all[i].name),
                SLICE_ARG(all[i].channel), all[i].enabled ? "enabled" : "disabled",
                count_credentials(s, all[i].head.id), count_models(s, all[i].head.id),
                SLICE_ARG(base_url(&all[i])));
}

static void list_models(const struct session *s)
{
    const struct model_row *all = ROWS(&s->rows, ROW_MODEL, struct model_row);

    fprintf(s->x->out, "%-20s %-40s %-8s %s\n", "PROVIDER", "MODEL", "STATE", "PRICE");
    for (size_t i = 0; i < s->rows.counts[ROW_MODEL]; i++) {
        const struct provider_row *p = row_set_find(&s->rows, ROW_PROVIDER, all[i].provider_id);
        bool enabled = all[i].enabled && p && p->enabled;
        struct slice name = p ? p->name : SLICE("?");
        struct slice price = all[i].price.ptr ? all[i].price : SLICE("none");
        fprintf(s->x->out, "%-20.*s %-40.*s %-8s %.*s\n", SLICE_ARG(name), SLICE_ARG(all[i].model),
                enabled ? "enabled" : "disabled", SLICE_ARG(price));
    }
}

static void list_aliases(const struct session *s)
{
    const struct alias_row *aliases = ROWS(&s->rows, ROW_ALIAS, struct alias_row);
    const struct alias_target_row *all = ROWS(&s->rows, ROW_ALIAS_TARGET, struct alias_target_row);

    for (size_t i = 0; i < s->rows.counts[ROW_ALIAS]; i++) {
        fprintf(s->x->out, "%-20s %-40.*s %-8s", "(alias)", SLICE_ARG(aliases[i].name),
                aliases[i].enabled ? "enabled" : "disabled");
        for (size_t j = 0; j < s->rows.counts[ROW_ALIAS_TARGET]; j++) {
            const struct provider_row *p = row_set_find(&s->rows, ROW_PROVIDER, all[j].provider_id);
            if (all[j].alias_id == aliases[i].head.id && p)
                fprintf(s->x->out, " %.*s/%.*s", SLICE_ARG(p->name), SLICE_ARG(all[j].model));
        }
        fputc('\n', s->x->out);
    }
}

static int list(struct command_context *x, int argc, char **argv, bool models)
{
    struct session s;

    if (argc != 1 || strcmp(argv[0], "list") != 0)
        return command_misused(x, "it can only list");
    if (!session_open(&s, x, STORE_MUST_EXIST))
        return EXIT_FAILED;
    if (models) {
        list_models(&s);
        list_aliases(&s);
    } else {
        list_providers(&s);
    }
    session_close(&s);
    return EXIT_GOOD;
}

int cmd_provider(struct command_context *x, int argc, char **argv)
{
    return list(x, argc, argv, false);
}

int cmd_model(struct command_context *x, int argc, char **argv)
{
    return list(x, argc, argv, true);
}
