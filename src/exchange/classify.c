/* classify.c - what a request line asks for. */
#include "exchange/classify.h"

#include "base/array.h"
#include "base/buf.h"
#include "wire/url.h"

struct resource {
    const char *path; // behind the version
    const char *method;
    enum operation operation;
    enum dialect dialect;
};

static const struct resource resources[] = {
    {"chat/completions",       "POST", OP_GENERATE,     DIALECT_OPENAI_CHAT     },
    {"responses",              "POST", OP_GENERATE,     DIALECT_OPENAI_RESPONSES},
    {"messages",               "POST", OP_GENERATE,     DIALECT_ANTHROPIC       },
    {"images/generations",     "POST", OP_IMAGE,        DIALECT_OPENAI          },
    {"embeddings",             "POST", OP_EMBED,        DIALECT_OPENAI          },
    {"messages/count_tokens",  "POST", OP_COUNT_TOKENS, DIALECT_ANTHROPIC       },
    {"responses/input_tokens", "POST", OP_COUNT_TOKENS, DIALECT_OPENAI_RESPONSES},
    {"responses/compact",      "POST", OP_COMPACT,      DIALECT_OPENAI_RESPONSES},
    {"models",                 "GET",  OP_LIST_MODELS,  DIALECT_OPENAI          },
};

struct action {
    const char *name;
    enum operation operation;
    bool streams;
};

static const struct action actions[] = {
    {"generateContent",       OP_GENERATE,     false},
    {"streamGenerateContent", OP_GENERATE,     true },
    {"countTokens",           OP_COUNT_TOKENS, false},
    {"embedContent",          OP_EMBED,        false},
    {"batchEmbedContents",    OP_EMBED,        false},
};

static bool is_version(struct slice segment, bool *gemini)
{
    if (slice_eq(segment, SLICE("v1")))
        return true;
    if (!slice_eq(segment, SLICE("v1beta")) && !slice_eq(segment, SLICE("v1beta1")))
        return false;
    *gemini = true;
    return true;
}

/* Without leading slashes and version segments; `gemini`: one of them was Google's. */
static struct slice skip_versions(struct slice path, bool *gemini)
{
    struct slice rest = path;

    do {
        path = rest;
        while (path.len && path.ptr[0] == '/')
            path = slice_after(path, 1);
    } while (is_version(slice_cut(path, '/', &rest), gemini));
    return path;
}

/* For paths that several vendors use: by the headers that their SDKs send (spec.md 3). */
static enum dialect dialect_of_headers(const struct head *head)
{
    if (head_get(head, HEAD_X_GOOG_API_KEY))
        return DIALECT_GEMINI;
    if (head_get(head, HEAD_ANTHROPIC_VERSION) || head_get(head, HEAD_X_API_KEY))
        return DIALECT_ANTHROPIC;
    return DIALECT_OPENAI;
}

static bool decode(struct arena *arena, struct slice text, struct slice *out)
{
    struct buf decoded = {0};
    bool ok = percent_decode(text, &decoded);

    *out = arena_dup(arena, buf_peek(&decoded));
    buf_release(&decoded);
    return ok;
}

static enum err no_method(const struct head *head, struct err_info *e)
{
    return err_set(e, ERR_METHOD, "%.*s is not possible on this path", SLICE_ARG(head->method));
}

static bool is_read(const struct head *head)
{
    return slice_eq(head->method, SLICE("GET")) || slice_eq(head->method, SLICE("HEAD"));
}

/* Gemini's action behind the last colon of `id`, or NULL: the colon belongs to the id. */
static const struct action *find_action(struct slice id)
{
    size_t colon = slice_find_last(id, ':');

    for (size_t i = 0; colon != SIZE_MAX && i < ARRAY_LEN(actions); i++) {
        if (slice_eq(slice_after(id, colon + 1), slice_str(actions[i].name)))
            return &actions[i];
    }
    return NULL;
}

/* "models/ID" and "models/ID:action"; ids may hold slashes and colons. */
static enum err classify_model(const struct head *head, struct arena *arena, struct slice id,
                               struct target *out, struct err_info *e)
{
    struct slice alt = query_get(head->query, SLICE("alt"));
    const struct action *action;

    if (!decode(arena, id, &id) || !id.len)
        return err_set(e, ERR_BAD_REQUEST, "the model id in the path is not valid");
    action = find_action(id);
    out->model = id;
    out->operation = OP_GET_MODEL;
    if (!action && is_read(head))
        return ERR_NONE;
    out->dialect = DIALECT_GEMINI;
    if (!slice_eq(head->method, SLICE("POST")))
        return no_method(head, e);
    if (!action)
        return err_set(e, ERR_NOT_FOUND, "there is no such action on a model");
    out->action = slice_str(action->name);
    out->model = slice_sub(id, 0, id.len - out->action.len - 1);
    if (!out->model.len)
        return err_set(e, ERR_BAD_REQUEST, "the model id in the path is not valid");
    out->operation = action->operation;
    if (action->streams)
        out->framing = slice_eq(alt, SLICE("sse")) ? FRAMING_SSE : FRAMING_ARRAY;
    return ERR_NONE;
}

/* "ID" and "ID/content", behind "files/"; false: there is no such path. */
static bool classify_file(const struct head *head, struct arena *arena, struct slice id,
                          struct target *out, struct err_info *e)
{
    struct slice rest;
    bool content = slice_ends(id, SLICE("/content"));

    if (content)
        id.len -= strlen("/content");
    if (!id.len || slice_cut(id, '/', &rest).len != id.len)
        return false;
    if (!decode(arena, id, &out->file))
        err_set(e, ERR_BAD_REQUEST, "the file's id in the path is not valid");
    else if (is_read(head))
        out->act = content ? FILE_CONTENT : FILE_GET;
    else if (!content && slice_eq(head->method, SLICE("DELETE")))
        out->act = FILE_DELETE;
    else
        no_method(head, e);
    return true;
}

/* Gemini's are put there by "/upload/v1beta/files". */
static bool classify_files(const struct head *head, struct arena *arena, struct slice path,
                           bool gemini, struct target *out, struct err_info *e)
{
    struct slice rest, first = slice_cut(path, '/', &rest);

    if (slice_eq(first, SLICE("upload"))) {
        path = skip_versions(rest, &gemini);
        first = slice_cut(path, '/', &rest);
        gemini = true;
    }
    if (!slice_eq(first, SLICE("files")))
        return false;
    if (first.len < path.len) {
        if (!classify_file(head, arena, rest, out, e))
            return false;
    } else if (is_read(head)) {
        out->act = FILE_LIST;
    } else if (slice_eq(head->method, SLICE("POST"))) {
        out->act = FILE_UPLOAD;
    } else {
        no_method(head, e);
    }
    out->operation = OP_FILES;
    out->dialect = gemini ? DIALECT_GEMINI : dialect_of_headers(head);
    return true;
}

/* Whether `path`, without a scope, is one of ours; the error is set when it is but not like this. */
static bool classify_resource(const struct head *head, struct arena *arena, struct slice path,
                              struct target *out, struct err_info *e)
{
    static const struct slice model_prefixes[] = {SLICE_INIT("models/"),
                                                  SLICE_INIT("publishers/google/models/")};
    bool gemini = false, same_path = false;

    path = skip_versions(path, &gemini);
    if (classify_files(head, arena, path, gemini, out, e))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
        const struct resource *r = &resources[i];
        if (!slice_eq(path, slice_str(r->path)))
            continue;
        same_path = true;
        out->operation = r->operation;
        out->dialect = r->dialect;
        if (r->operation == OP_LIST_MODELS)
            out->dialect = gemini ? DIALECT_GEMINI : dialect_of_headers(head);
        if (slice_eq(head->method, slice_str(r->method)) ||
            (slice_eq(slice_str(r->method), SLICE("GET")) && is_read(head)))
            return true;
    }
    if (same_path) {
        no_method(head, e);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(model_prefixes); i++) {
        if (!slice_starts(path, model_prefixes[i]))
            continue;
        out->dialect = gemini ? DIALECT_GEMINI : dialect_of_headers(head);
        classify_model(head, arena, slice_after(path, model_prefixes[i].len), out, e);
        return true;
    }
    /* A model of another's is "openai/gpt-5": Vercel's SDK puts no "models/" before a slash. */
    if (gemini && find_action(path)) {
        out->dialect = DIALECT_GEMINI;
        classify_model(head, arena, path, out, e);
        return true;
    }
    return false;
}

enum err classify(const struct head *head, struct arena *arena, struct target *out,
                  struct err_info *e)
{
    struct slice path = head->path, rest, scope;
    bool gemini = false;

    *out = (struct target){.dialect = dialect_of_headers(head)};
    if (path.len > 1 && slice_ends(path, SLICE("/")))
        path.len--;
    if (classify_resource(head, arena, path, out, e))
        return e->code;
    scope = slice_cut(slice_after(path, 1), '/', &rest);
    if (scope.len && rest.len && !is_version(scope, &gemini)) {
        if (!decode(arena, scope, &out->scope))
            return err_set(e, ERR_BAD_REQUEST, "the provider's name in the path is not valid");
        if (classify_resource(head, arena, rest, out, e))
            return e->code;
    }
    return err_set(e, ERR_NOT_FOUND, "there is no %.*s here",
                   SLICE_ARG(slice_sub(head->path, 0, 100)));
}
