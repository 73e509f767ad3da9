/* file_refs.c - which files at the upstream a request speaks of. */
#include "chat/file_refs.h"

#include "json/tree.h"

/*
 * A key may be written with escapes, such as "file\u005fid"; letters and the underscore seldom
 * are, so a body that has such an escape anywhere is looked at as well.
 */
bool file_refs_may(struct slice body)
{
    static const struct slice escape = SLICE_INIT("\\u00");
    size_t at;

    if (slice_find_slice(body, SLICE("file_id")) != SIZE_MAX)
        return true;
    while ((at = slice_find_slice(body, escape)) != SIZE_MAX) {
        body = slice_after(body, at + escape.len);
        if (body.len && (body.ptr[0] == '5' || body.ptr[0] == '6'))
            return true;
    }
    return false;
}

struct search {
    struct arena *arena;
    struct file_refs *refs;
    bool is_full;
};

static void add(struct search *s, const struct json *v)
{
    struct slice id = json_str(s->arena, v);
    struct file_refs *refs = s->refs;

    if (!id.len)
        return;
    for (size_t i = 0; i < refs->count; i++) {
        if (slice_eq(refs->ids[i], id))
            return;
    }
    if (refs->count < FILE_REFS_MOST)
        refs->ids[refs->count++] = id;
    else
        s->is_full = true;
}

/*
 * What the vendor's own tools have made is repeated by clients and is no upload of anybody's.
 * Where a type stands twice, all must say so.
 */
static bool is_result_of_vendor(struct search *s, const struct json *v)
{
    bool is_result = false;

    json_for_each(at, v) {
        struct slice type;
        if (!slice_eq(at->key, SLICE("type")))
            continue;
        type = json_str(s->arena, at);
        is_result =
            slice_ends(type, SLICE("_tool_result")) && !slice_eq(type, SLICE("mcp_tool_result"));
        if (!is_result)
            return false;
    }
    return is_result;
}

static bool holds_parts(struct slice key)
{
    return slice_eq(key, SLICE("content")) || slice_eq(key, SLICE("source")) ||
           slice_eq(key, SLICE("file")) || slice_eq(key, SLICE("output"));
}

/*
 * Parts, items and messages of all three dialects: wherever they name a file, the key is the
 * same.  Every member of a name counts, since nobody knows which one upstream takes.  It goes
 * no deeper than JSON may be nested.
 */
static void search_parts(struct search *s, const struct json *v)
{
    bool is_object = json_is(v, JSON_OBJECT);

    if (is_object && is_result_of_vendor(s, v))
        return;
    json_for_each(at, v) {
        if (is_object && slice_eq(at->key, SLICE("file_id")))
            add(s, at);
        else if (!is_object || holds_parts(at->key))
            search_parts(s, at);
    }
}

static void search_variables(struct search *s, const struct json *prompt)
{
    json_for_each(member, prompt) {
        if (slice_eq(member->key, SLICE("variables")))
            json_for_each(at, member)
                search_parts(s, at);
    }
}

static void search_container(struct search *s, const struct json *container)
{
    json_for_each(member, container) {
        if (slice_eq(member->key, SLICE("file_ids")))
            json_for_each(at, member)
                add(s, at);
    }
}

/* Of Responses: files for a container, and a mask for pictures. */
static void search_tool(struct search *s, const struct json *tool)
{
    json_for_each(at, tool) {
        if (slice_eq(at->key, SLICE("container")))
            search_container(s, at);
        else if (slice_eq(at->key, SLICE("input_image_mask")))
            search_parts(s, at);
    }
}

enum err file_refs_find(struct slice body, struct arena *a, struct file_refs *out,
                        struct err_info *e)
{
    struct search s = {.arena = a, .refs = out};
    struct json *top;

    out->count = 0;
    if (json_parse(a, body, &top, e) != ERR_NONE)
        return e->code;
    json_for_each(at, top) {
        if (slice_eq(at->key, SLICE("messages")) || slice_eq(at->key, SLICE("input")))
            search_parts(&s, at);
        else if (slice_eq(at->key, SLICE("prompt")))
            search_variables(&s, at);
        else if (slice_eq(at->key, SLICE("tools")))
            json_for_each(tool, at)
                search_tool(&s, tool);
    }
    if (s.is_full)
        return err_set(e, ERR_BAD_REQUEST, "the request speaks of more than %d files",
                       FILE_REFS_MOST);
    return ERR_NONE;
}
