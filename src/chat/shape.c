/* shape.c - makes of a request what one upstream takes: the order of the steps. */
#include "chat/shape.h"

enum chat_vendor chat_target_vendor(const struct chat_target *t)
{
    switch (t->dialect) {
    case DIALECT_ANTHROPIC: return VENDOR_ANTHROPIC;
    case DIALECT_GEMINI: return VENDOR_GEMINI;
    case DIALECT_OPENAI_RESPONSES: return VENDOR_OPENAI; // who copies it copies its secrets
    case DIALECT_OPENAI_CHAT:
    case DIALECT_OPENAI: return t->host == HOST_VENDOR ? VENDOR_OPENAI : VENDOR_NONE;
    case DIALECT_COUNT: break;
    }
    return VENDOR_NONE;
}

enum err chat_refuse_drops(const struct chat_request *r, struct err_info *e)
{
    list_for_each(at, &r->notes) {
        const struct chat_note *n = list_entry(at, struct chat_note, link);
        if (!n->degraded)
            return err_set(e, ERR_BAD_REQUEST,
                           "%.*s: unsupported parameter: the model's provider has no place for it "
                           "and this route is strict",
                           SLICE_ARG(n->field));
    }
    return ERR_NONE;
}

enum err chat_shape(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    typedef enum err step(struct chat_request * r, const struct chat_target *t, struct err_info *e);
    static step *const steps[] = {shape_fields, shape_tools, shape_reasoning, shape_media,
                                  shape_calls,  shape_turns, shape_cache};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i](r, t, e) != ERR_NONE)
            return e->code;
    }
    return t->strict ? chat_refuse_drops(r, e) : ERR_NONE;
}
