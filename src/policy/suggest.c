/* suggest.c - what somebody may have meant who asked for a model that is not there. */
#include "policy/suggest.h"

#include "policy/route.h"

#define MAX_NAMES   3
#define MAX_BYTES   80   // of a name that is compared at all
#define MAX_LOOKED  4000 // names
#define MAX_CHANGES 4
#define LEAST_STEM  4 // bytes in common that make a beginning worth showing

struct search {
    const struct key *key;
    struct slice asked;
    unsigned most; // changes
    unsigned looked;
    size_t count;
    struct {
        char name[MAX_BYTES];
        size_t len;
        unsigned distance;
    } best[MAX_NAMES]; // closest first
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Levenshtein's, one row of the table at a time, given up when a whole row is over `most`. */
unsigned suggest_distance(struct slice a, struct slice b, unsigned most)
{
    unsigned row[MAX_BYTES + 1];
    size_t gap = a.len > b.len ? a.len - b.len : b.len - a.len;

    if (gap > most || a.len > MAX_BYTES || b.len > MAX_BYTES)
        return most + 1;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned diagonal = row[0], closest = (unsigned)i;
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned changed = diagonal + (lower(a.ptr[i - 1]) != lower(b.ptr[j - 1]));
            diagonal = row[j];
            row[j] = least(changed, least(row[j - 1], diagonal) + 1);
            closest = least(closest, row[j]);
        }
        if (closest > most)
            return most + 1;
    }
    return least(row[b.len], most + 1);
}

/* One that begins with the other is close too, but less so than a slip of the finger. */
static unsigned closeness(const struct search *s, struct slice name)
{
    unsigned distance = suggest_distance(s->asked, name, s->most);
    size_t stem = s->asked.len < name.len ? s->asked.len : name.len;

    if (distance > s->most && stem >= LEAST_STEM &&
        slice_eq_nocase(slice_sub(s->asked, 0, stem), slice_sub(name, 0, stem)))
        return s->most;
    return distance;
}

static bool is_there(const struct search *s, struct slice name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (slice_eq(slice_of(s->best[i].name, s->best[i].len), name))
            return true;
    }
    return false;
}

static bool is_allowed(const struct search *s, struct slice name, const struct alias *alias,
                       const struct provider *p)
{
    if (!alias)
        return route_permits(s->key, p, name);
    for (size_t i = 0; i < alias->target_count; i++) {
        if (route_permits(s->key, alias->targets[i].provider, name))
            return true;
    }
    return false;
}

/* `alias` or `p`: what is asked for permission.  Names stay in the order in which they came. */
static void consider(struct search *s, struct slice name, const struct alias *alias,
                     const struct provider *p)
{
    unsigned distance;
    size_t at;

    if (name.len == 0 || name.len > MAX_BYTES || s->looked++ >= MAX_LOOKED)
        return;
    distance = closeness(s, name);
    if (distance > s->most ||
        (s->count == MAX_NAMES && distance >= s->best[MAX_NAMES - 1].distance))
        return;
    if (is_there(s, name) || !is_allowed(s, name, alias, p))
        return;
    if (s->count < MAX_NAMES)
        s->count++;
    for (at = s->count - 1; at > 0 && s->best[at - 1].distance > distance; at--)
        s->best[at] = s->best[at - 1];
    memcpy(s->best[at].name, name.ptr, name.len);
    s->best[at].len = name.len;
    s->best[at].distance = distance;
}

static void look_in_provider(struct search *s, const struct provider *p, bool with_provider)
{
    const struct table_entry *entry;

    for (size_t at = 0; (entry = table_next(&p->models, &at)) && s->looked < MAX_LOOKED;) {
        char full[2 * MAX_BYTES + 2];
        int len =
            snprintf(full, sizeof(full), "%.*s/%.*s", SLICE_ARG(p->name), SLICE_ARG(entry->key));
        if (!with_provider)
            consider(s, entry->key, NULL, p);
        else if (len > 0 && (size_t)len < sizeof(full))
            consider(s, slice_of(full, (size_t)len), NULL, p);
    }
}

static void look_everywhere(struct search *s, const struct snapshot *snapshot)
{
    const struct table_entry *entry;

    for (size_t at = 0; (entry = table_next(&snapshot->aliases, &at)) && s->looked < MAX_LOOKED;)
        consider(s, entry->key, entry->value, NULL);
    for (size_t at = 0; (entry = table_next(&snapshot->models, &at)) && s->looked < MAX_LOOKED;) {
        const struct model *m = entry->value;
        if (!m->same_id)
            consider(s, m->id, NULL, m->provider);
    }
    if (slice_find(s->asked, '/') == SIZE_MAX)
        return;
    for (size_t at = 0; (entry = table_next(&snapshot->providers, &at));)
        look_in_provider(s, entry->value, true);
}

static void write_names(const struct search *s, char *out, size_t size)
{
    static const char *const before[MAX_NAMES] = {": did you mean '", "', '", "', '"};
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < s->count; i++) {
        const char *lead = i > 0 && i == s->count - 1 ? "' or '" : before[i];
        if (at + strlen(lead) + s->best[i].len + sizeof("'?") > size)
            break;
        at += (size_t)snprintf(out + at, size - at, "%s%.*s", lead, (int)s->best[i].len,
                               s->best[i].name);
    }
    if (at)
        snprintf(out + at, size - at, "'?");
}

void suggest_names(const struct snapshot *s, const struct key *key, const struct provider *scope,
                   struct slice asked, char *out, size_t size)
{
    struct search search = {.key = key, .asked = asked};

    search.most = least((unsigned)(asked.len / 4) + 1, MAX_CHANGES);
    if (asked.len <= MAX_BYTES && scope)
        look_in_provider(&search, scope, false);
    else if (asked.len <= MAX_BYTES)
        look_everywhere(&search, s);
    write_names(&search, out, size);
}
