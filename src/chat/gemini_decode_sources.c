/* gemini_decode_sources.c - where an answer comes from: groundingMetadata, citationMetadata. */
#include "chat/gemini_decode.h"
#include "chat/peek.h"
#include "json/raw.h"

#define MAX_SOURCES  256
#define MAX_CITES    1024
#define MAX_SEARCHES 64

struct sources {
    struct slice chunks[MAX_SOURCES]; // {"web": {"uri", "title"}}, or of other kinds
    size_t count;
    size_t cites;
};

struct segment {
    int64_t part, start, end; // bytes; -1: not said
    struct slice text;
};

static struct segment read_segment(struct slice object)
{
    struct segment s = {0, 0, -1, {0}};
    struct peek p = peek_into(object);
    struct slice key, value;

    while (peek_next(&p, &key, &value)) {
        if (slice_eq(key, SLICE("partIndex")))
            peek_count(value, &s.part);
        else if (slice_eq(key, SLICE("startIndex")))
            peek_count(value, &s.start);
        else if (slice_eq(key, SLICE("endIndex")))
            peek_count(value, &s.end);
        else if (slice_eq(key, SLICE("text")))
            s.text = value;
    }
    return s;
}

static void emit_cite(struct gemini_decoder *d, struct gemini_choice *c, struct slice uri,
                      struct slice title, const struct segment *s)
{
    struct chat_event ev = {
        .type = CHAT_CITE, .choice = (uint32_t)(c - d->choices), .index = c->text_index};
    int64_t from = 0;

    if (d->whole && s->part > 0 && s->part < GEMINI_MAX_PARTS)
        from = c->part_at[s->part];
    ev.cite.url = text_of_literal(uri);
    ev.cite.title = text_of_literal(title);
    ev.cite.cited = text_of_literal(s->text);
    ev.cite.start = ev.cite.end = -1;
    if (s->end >= 0) {
        ev.cite.start = gemini_offsets_characters(&c->offsets, from + s->start);
        ev.cite.end = gemini_offsets_characters(&c->offsets, from + s->end);
    }
    if (ev.cite.start < 0 || ev.cite.end < ev.cite.start)
        ev.cite.start = ev.cite.end = -1;
    if (!text_is_empty(ev.cite.url))
        chat_emit(d->sink, &ev);
}

/* Of whatever kind: web, maps and retrievedContext have the same two fields. */
static void cite_chunk(struct gemini_decoder *d, struct gemini_choice *c, struct slice chunk,
                       const struct segment *s)
{
    struct peek p = peek_into(chunk);
    struct slice key, inside;

    if (peek_next(&p, &key, &inside))
        emit_cite(d, c, peek_get(inside, SLICE("uri")), peek_get(inside, SLICE("title")), s);
}

static void take_chunks(struct sources *s, struct slice list)
{
    struct peek p = peek_into(list);
    struct slice key, chunk;

    while (s->count < MAX_SOURCES && peek_next(&p, &key, &chunk))
        s->chunks[s->count++] = chunk;
}

static void take_support(struct gemini_decoder *d, struct gemini_choice *c, struct sources *s,
                         struct slice support)
{
    struct segment segment = read_segment(peek_get(support, SLICE("segment")));
    struct peek p = peek_into(peek_get(support, SLICE("groundingChunkIndices")));
    struct slice key, index;
    int64_t at;

    while (s->cites < MAX_CITES && peek_next(&p, &key, &index)) {
        if (!peek_count(index, &at) || at >= (int64_t)s->count)
            continue;
        cite_chunk(d, c, s->chunks[at], &segment);
        s->cites++;
    }
}

static void emit_cites(struct gemini_decoder *d, struct gemini_choice *c, struct slice grounding)
{
    static const struct segment nowhere = {0, 0, -1, {0}};
    struct peek p = peek_into(peek_get(grounding, SLICE("groundingSupports")));
    struct sources s;
    struct slice key, support;

    s.count = s.cites = 0;
    take_chunks(&s, peek_get(grounding, SLICE("groundingChunks")));
    while (s.cites < MAX_CITES && peek_next(&p, &key, &support))
        take_support(d, c, &s, support);
    for (size_t i = 0; !s.cites && i < s.count; i++) // nobody says where
        cite_chunk(d, c, s.chunks[i], &nowhere);
}

/* What was recited.  AI Studio and Vertex have two names for the list. */
static void emit_recited(struct gemini_decoder *d, struct gemini_choice *c, struct slice citations)
{
    struct slice list = peek_get(citations, SLICE("citationSources")), key, source;
    struct peek p = peek_into(list.ptr ? list : peek_get(citations, SLICE("citations")));

    for (size_t i = 0; i < MAX_SOURCES && peek_next(&p, &key, &source); i++) {
        struct segment segment = read_segment(source);
        emit_cite(d, c, peek_get(source, SLICE("uri")), peek_get(source, SLICE("title")), &segment);
    }
}

static void emit_searches(struct gemini_decoder *d, struct gemini_choice *c, struct slice queries)
{
    struct peek p = peek_into(queries);
    struct slice key, query;

    for (size_t i = 0; i < MAX_SEARCHES && peek_next(&p, &key, &query); i++) {
        struct chat_text text = text_of_literal(query);

        if (text_is_empty(text))
            continue;
        gemini_close_part(d, c, SLICE(""));
        gemini_open_part(d, c, &(struct chat_event){.open = {.kind = PART_SEARCH}});
        gemini_part_delta(d, c, c->open_index, text, SLICE(""));
        gemini_close_part(d, c, SLICE(""));
    }
}

void gemini_emit_sources(struct gemini_decoder *d, struct gemini_choice *c)
{
    struct slice grounding = buf_peek(&c->grounding);

    if (c->has_text) {
        emit_cites(d, c, grounding);
        emit_recited(d, c, buf_peek(&c->citations));
    }
    emit_searches(d, c, peek_get(grounding, SLICE("webSearchQueries")));
}
