/* files_list.c - lists of files, in the words of two vendors. */
#include "exchange/files.h"
#include "wire/url.h"
#include "json/write.h"

#define ANTHROPIC_DEFAULT 20
#define OPENAI_DEFAULT    FILE_OWNER_PAGE_MAX // the vendor's own is more than fits into a page

/* Decoded, in the arena; empty where it is absent. */
static struct slice query_text(struct exchange *x, struct slice name)
{
    struct slice value = query_get(x->query, name), out = {0};
    struct buf decoded = {0};

    if (value.len && percent_decode(value, &decoded))
        out = arena_dup(&x->arena, buf_peek(&decoded));
    buf_release(&decoded);
    return out;
}

static enum err read_limit(struct exchange *x, size_t initial, size_t *out, struct err_info *e)
{
    struct slice text = query_get(x->query, SLICE("limit"));
    uint64_t n;

    *out = initial;
    if (!text.len)
        return ERR_NONE;
    if (!slice_to_u64(text, &n) || n == 0)
        return err_set(e, ERR_BAD_REQUEST, "limit: expected a number from 1 on");
    *out = n < FILE_OWNER_PAGE_MAX ? (size_t)n : FILE_OWNER_PAGE_MAX;
    return ERR_NONE;
}

static enum err read_openai(struct exchange *x, struct file_owner_page *page, struct err_info *e)
{
    struct slice order = query_get(x->query, SLICE("order"));

    if (order.len && !slice_eq(order, SLICE("asc")) && !slice_eq(order, SLICE("desc")))
        return err_set(e, ERR_BAD_REQUEST, "order: expected asc or desc");
    page->oldest_first = slice_eq(order, SLICE("asc"));
    page->after = query_text(x, SLICE("after"));
    page->purpose = query_text(x, SLICE("purpose"));
    return read_limit(x, OPENAI_DEFAULT, &page->limit, e);
}

/* A page before another one is read from there backwards. */
static enum err read_anthropic(struct exchange *x, struct file_owner_page *page, struct err_info *e)
{
    struct slice before = query_text(x, SLICE("before_id"));

    page->after = query_text(x, SLICE("after_id"));
    if (!page->after.len)
        page->after = query_text(x, SLICE("page"));
    if (before.len && page->after.len)
        return err_set(e, ERR_BAD_REQUEST, "before_id: not together with another place");
    if (query_get(x->query, SLICE("ids")).ptr || query_get(x->query, SLICE("ids[]")).ptr)
        return err_set(e, ERR_BAD_REQUEST, "ids: not possible here, ask for one file at a time");
    if (before.len) {
        page->after = before;
        page->oldest_first = true;
    }
    return read_limit(x, ANTHROPIC_DEFAULT, &page->limit, e);
}

enum err files_read_page(struct exchange *x, struct file_owner_page *page, struct err_info *e)
{
    return x->target.dialect == DIALECT_ANTHROPIC ? read_anthropic(x, page, e)
                                                  : read_openai(x, page, e);
}

static void put_id(struct json_writer *w, struct slice key, const struct file_owner *f)
{
    json_key(w, key);
    if (f)
        json_value_string(w, f->file);
    else
        json_value_null(w);
}

void files_write_list(const struct exchange *x, const struct file_job *job, struct buf *out)
{
    bool anthropic = x->target.dialect == DIALECT_ANTHROPIC;
    bool reversed = anthropic && job->page.oldest_first;
    struct json_writer w = {.out = out};
    const struct file_owner *first = job->count ? &job->files[0] : NULL;
    const struct file_owner *last = job->count ? &job->files[job->count - 1] : NULL;

    json_open_object(&w);
    if (!anthropic) {
        json_key(&w, SLICE("object"));
        json_value_string(&w, SLICE("list"));
    }
    json_key(&w, SLICE("data"));
    json_open_array(&w);
    for (size_t i = 0; i < job->count; i++)
        json_value_raw(&w, job->files[reversed ? job->count - 1 - i : i].about);
    json_close_array(&w);
    put_id(&w, SLICE("first_id"), reversed ? last : first);
    put_id(&w, SLICE("last_id"), reversed ? first : last);
    json_key(&w, SLICE("has_more"));
    json_value_bool(&w, job->more);
    if (anthropic) // newer clients of the vendor go on by this
        put_id(&w, SLICE("next_page"), job->more && !reversed ? last : NULL);
    json_close_object(&w);
}
