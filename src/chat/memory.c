/* memory.c - what a model thought before its calls, kept for clients that do not send it back. */
#include "chat/memory.h"

/* An item: kind, vendor, is the text escaped; then each field, its length before it. */
#define HEAD_BYTES 3

static void put(struct buf *out, struct slice s)
{
    uint32_t len = (uint32_t)s.len;

    buf_append(out, slice_of((const char *)&len, sizeof(len)));
    buf_append(out, s);
}

static void write_reasoning(const struct chat_reasoning *v, struct buf *out)
{
    buf_append_byte(out, (char)v->kind);
    buf_append_byte(out, (char)v->vendor);
    buf_append_byte(out, v->text.escaped);
    put(out, v->text.s);
    put(out, v->secret);
    put(out, v->id);
    put(out, v->model);
}

void chat_memory_write(const struct list *items, struct buf *out)
{
    list_for_each(at, items) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);
        if (item->kind == CHAT_REASONING)
            write_reasoning(&item->reasoning, out);
    }
}

static bool take(struct slice *bytes, struct slice *out)
{
    uint32_t len;

    if (bytes->len < sizeof(len))
        return false;
    memcpy(&len, bytes->ptr, sizeof(len));
    *bytes = slice_after(*bytes, sizeof(len));
    if (len > bytes->len)
        return false;
    *out = len ? slice_sub(*bytes, 0, len) : (struct slice){0};
    *bytes = slice_after(*bytes, len);
    return true;
}

static bool read_reasoning(struct slice *bytes, struct chat_reasoning *out)
{
    const unsigned char *head = (const unsigned char *)bytes->ptr;

    if (bytes->len < HEAD_BYTES || head[0] > REASONING_REDACTED || head[1] > VENDOR_GEMINI ||
        head[2] > 1)
        return false;
    out->kind = (enum chat_reasoning_kind)head[0];
    out->vendor = (enum chat_vendor)head[1];
    out->text.escaped = head[2];
    *bytes = slice_after(*bytes, HEAD_BYTES);
    return take(bytes, &out->text.s) && take(bytes, &out->secret) && take(bytes, &out->id) &&
           take(bytes, &out->model);
}

bool chat_memory_read(struct arena *a, struct slice bytes, struct list *items)
{
    struct list read;

    list_init(&read);
    while (bytes.len) {
        if (!read_reasoning(&bytes, &chat_item_new(a, &read, CHAT_REASONING)->reasoning))
            return false;
    }
    list_append(items, &read);
    return true;
}

static bool has_secret(const struct list *items)
{
    list_for_each(at, items) {
        if (list_entry(at, struct chat_item, link)->reasoning.secret.len)
            return true;
    }
    return false;
}

/* A step is what a model says at once: neighbouring turns of the assistant. */
struct step {
    struct list *from; // its first turn
    bool secret, thought, called;
};

/* All reasoning from the step's beginning up to its first call. */
static void forget_thoughts(struct list *from, struct list *call)
{
    for (struct list *turn = from;; turn = turn->next) {
        list_for_each_safe(at, &list_entry(turn, struct chat_turn, link)->items) {
            if (at == call)
                return;
            if (list_entry(at, struct chat_item, link)->kind == CHAT_REASONING)
                list_remove(at);
        }
    }
}

/* Text that the client has kept is as good as text from here; a secret is better than none. */
static void fill_step(struct chat_request *r, const struct step *step, struct list *call,
                      chat_memory_lookup_fn *lookup, void *ctx)
{
    struct list *first = &list_entry(step->from, struct chat_turn, link)->items, known;
    struct slice bytes, id = list_entry(call, struct chat_item, link)->call.id;

    list_init(&known);
    if (step->secret || !id.len || !lookup(ctx, r->arena, id, &bytes) ||
        !chat_memory_read(r->arena, bytes, &known) || (step->thought && !has_secret(&known)))
        return;
    forget_thoughts(step->from, call);
    list_append(first->next, &known); // any link is a head, too: what is appended goes before it
}

void chat_memory_fill(struct chat_request *r, chat_memory_lookup_fn *lookup, void *ctx)
{
    struct step step = {0};

    list_for_each(turn_at, &r->turns) {
        struct chat_turn *turn = list_entry(turn_at, struct chat_turn, link);
        if (turn->role != CHAT_ASSISTANT) {
            step = (struct step){0};
            continue;
        }
        if (!step.from)
            step.from = turn_at;
        list_for_each(at, &turn->items) {
            const struct chat_item *item = list_entry(at, struct chat_item, link);
            if (item->kind == CHAT_REASONING) {
                step.thought = true;
                step.secret = step.secret || item->reasoning.secret.len;
            } else if (item->kind == CHAT_CALL && !step.called) {
                fill_step(r, &step, at, lookup, ctx);
                step.called = true;
            }
        }
    }
}

static void keep(struct chat_memory *m, const struct chat_event *ev)
{
    struct chat_reasoning v = {
        .kind = m->kind,
        .text = {buf_peek(&m->text), true},
        .secret = ev->close.secret,
        .vendor = ev->close.vendor,
        .id = ev->close.id,
        .model = buf_peek(&m->model)
    };

    m->open = false;
    if (!v.text.s.len && !v.secret.len)
        return;
    m->too_long =
        m->too_long || buf_len(&m->bytes) + v.text.s.len + v.secret.len > CHAT_MEMORY_BYTES;
    if (!m->too_long)
        write_reasoning(&v, &m->bytes);
}

void chat_memory_hear(struct chat_memory *m, const struct chat_event *ev)
{
    if (ev->choice != 0 || buf_len(&m->call_id) || m->too_long)
        return;
    switch (ev->type) {
    case CHAT_START: buf_append(&m->model, slice_sub(ev->start.model, 0, 256)); return;
    case CHAT_OPEN:
        if (ev->open.kind == PART_CALL) {
            buf_append(&m->call_id, ev->open.call_id);
        } else if (ev->open.kind == PART_REASONING) {
            m->open = true;
            m->index = ev->index;
            m->kind = ev->open.reasoning;
            buf_clear(&m->text);
        }
        return;
    case CHAT_DELTA:
        if (!m->open || ev->index != m->index)
            return;
        if (buf_len(&m->text) + ev->delta.text.s.len > CHAT_MEMORY_BYTES)
            m->too_long = true;
        else
            text_append_escaped(&m->text, ev->delta.text);
        return;
    case CHAT_CLOSE:
        if (m->open && ev->index == m->index)
            keep(m, ev);
        return;
    case CHAT_CITE:
    case CHAT_USAGE:
    case CHAT_PING:
    case CHAT_FINISH:
    case CHAT_END:
    case CHAT_ERROR: return;
    }
}

bool chat_memory_ready(const struct chat_memory *m)
{
    return buf_len(&m->call_id) && buf_len(&m->bytes) && !m->too_long;
}

void chat_memory_release(struct chat_memory *m)
{
    buf_release(&m->bytes);
    buf_release(&m->call_id);
    buf_release(&m->text);
    buf_release(&m->model);
}
