/* catalogue_fuzz.c - a catalogue out of any text, and any id looked up in the one that is built in. */
#include <assert.h>

#include "policy/catalogue.h"

static void check(void *ctx, const struct catalogue_entry *entry)
{
    assert(catalogue_find(ctx, entry->vendor, entry->id) == entry);
    assert(!entry->price || price_id(entry->price) > 0);
    assert(entry->context_window >= 0);
}

/* Whatever is found stands in the id as it was asked for, but for one of two suffixes. */
static void look_up(struct slice vendor, struct slice model)
{
    static struct catalogue *builtin;
    const struct catalogue_entry *found;
    struct slice id;
    size_t at = 0;

    if (!builtin)
        builtin = catalogue_builtin();
    found = catalogue_find(builtin, vendor, model);
    if (!found)
        return;
    assert(slice_eq(found->vendor, vendor));
    id = found->id;
    if (slice_ends(id, SLICE("-latest")))
        id = slice_sub(id, 0, id.len - 7);
    else if (slice_ends(id, SLICE("-0")))
        id = slice_sub(id, 0, id.len - 2);
    while (at < model.len && !slice_starts(slice_after(model, at), id))
        at++;
    assert(at < model.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const vendors[] = {"openai", "anthropic", "google", "groq", "aws"};
    struct slice text = slice_of((const char *)data, size);
    struct err_info e = {0};
    struct catalogue *c;

    if (catalogue_parse(text, &c, &e) == ERR_NONE) {
        catalogue_each(c, SLICE("v"), check, c);
        catalogue_each(c, SLICE("openai"), check, c);
        catalogue_unref(c);
    } else {
        assert(e.code == ERR_BAD_REQUEST && e.text[0] && !c);
    }
    for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
        look_up(slice_str(vendors[i]), text);
    return 0;
}
