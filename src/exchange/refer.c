/* refer.c - a request that speaks of files goes to who has them, and only for who put them there. */
#include "chat/file_refs.h"
#include "exchange/files.h"
#include "exchange/stages.h"

#define SHOWN_BYTES 100 // of an id, in an error text

static bool may_speak_of_files(const struct exchange *x)
{
    enum operation op = x->target.operation;

    return (op == OP_GENERATE || op == OP_COUNT_TOKENS || op == OP_COMPACT) &&
           x->target.dialect != DIALECT_GEMINI;
}

/* The dialect that files of the client's are kept in. */
static enum dialect dialect_of(const struct exchange *x)
{
    return x->target.dialect == DIALECT_ANTHROPIC ? DIALECT_ANTHROPIC : DIALECT_OPENAI;
}

/* STAGE_NEXT: it speaks of none, or x->errand asks whose they are. */
static enum verdict ask(struct exchange *x)
{
    struct file_refs refs;
    struct file_keepers k;
    struct file_errand *errand;

    if (file_refs_find(x->body, &x->arena, &refs, &x->err) != ERR_NONE)
        return STAGE_FAIL;
    if (!refs.count)
        return STAGE_NEXT;
    k = files_keepers(x, dialect_of(x));
    errand = files_errand_new(x, FILE_JOB_LIST);
    errand->job.page = (struct file_owner_page){
        .user_id = x->key->user->id,
        .dialect = dialect_of(x),
        .providers = k.ids,
        .provider_count = k.count,
        .files = refs.ids,
        .file_count = refs.count,
        .limit = FILE_OWNER_PAGE_MAX,
    };
    if (files_ask(x, errand))
        return STAGE_NEXT;
    return exchange_fail(x, ERR_OVERLOADED,
                         "what is known of files cannot be read now, try again shortly");
}

/* ---- who has them ---- */

/* The file of that id at the provider, or at any where that is 0; NULL: there is none. */
static const struct file_owner *find(const struct file_job *job, struct slice id,
                                     int64_t provider_id)
{
    for (size_t i = 0; i < job->count; i++) {
        const struct file_owner *f = &job->files[i];
        if (slice_eq(f->file, id) && (!provider_id || f->provider_id == provider_id))
            return f;
    }
    return NULL;
}

/* The one of them if all are there and of one credential, else NULL. */
static const struct file_owner *find_all(const struct file_job *job, int64_t provider_id)
{
    const struct file_owner *first = find(job, job->page.files[0], provider_id);

    for (size_t i = 1; first && i < job->page.file_count; i++) {
        const struct file_owner *f = find(job, job->page.files[i], provider_id);
        if (!f || f->credential_id != first->credential_id)
            return NULL;
    }
    return first;
}

/* Why nobody can be asked who has all of them. */
static enum verdict refuse(struct exchange *x, const struct file_job *job)
{
    const struct slice *ids = job->page.files;
    const struct file_owner *first = find(job, ids[0], 0);

    for (size_t i = 0; i < job->page.file_count; i++) {
        if (!find(job, ids[i], 0))
            return exchange_fail(x, ERR_BAD_REQUEST,
                                 "the request speaks of the file '%.*s', and there is none of "
                                 "that id",
                                 SLICE_ARG(slice_sub(ids[i], 0, SHOWN_BYTES)));
    }
    for (size_t i = 1; i < job->page.file_count; i++) {
        const struct file_owner *f = find(job, ids[i], first->provider_id);
        if (!f || f->credential_id != first->credential_id)
            return exchange_fail(x, ERR_BAD_REQUEST,
                                 "the files '%.*s' and '%.*s' are at two accounts: one request "
                                 "cannot speak of both",
                                 SLICE_ARG(slice_sub(ids[0], 0, SHOWN_BYTES)),
                                 SLICE_ARG(slice_sub(ids[i], 0, SHOWN_BYTES)));
    }
    return exchange_fail(x, ERR_BAD_REQUEST,
                         "the file '%.*s' is not at the provider that answers for this model",
                         SLICE_ARG(slice_sub(ids[0], 0, SHOWN_BYTES)));
}

static void keep_only(struct route *r, const struct provider *p)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->count; i++) {
        if (r->candidates[i].provider == p)
            r->candidates[kept++] = r->candidates[i];
    }
    r->count = kept;
}

/* Where the operator lets them pass, ids that are not the caller's are nobody's business here. */
static void forget_unknown(struct exchange *x, struct file_job *job)
{
    struct slice *known = arena_array(&x->arena, struct slice, job->page.file_count);
    size_t count = 0;

    for (size_t i = 0; i < job->page.file_count; i++) {
        if (find(job, job->page.files[i], 0))
            known[count++] = job->page.files[i];
    }
    job->page.files = known;
    job->page.file_count = count;
}

static enum verdict pin(struct exchange *x)
{
    struct file_job *job = &x->errand->job;
    struct route *r = x->route;

    if (x->snapshot->limits.unknown_files == UNKNOWN_FILES_PASS)
        forget_unknown(x, job);
    if (!job->page.file_count)
        return STAGE_NEXT;
    for (size_t i = 0; i < r->count; i++) {
        const struct provider *p = r->candidates[i].provider;
        const struct file_owner *f = find_all(job, p->id);
        if (!f)
            continue;
        x->pinned = files_credential(x, p, f->credential_id);
        keep_only(r, p);
        return x->pinned ? STAGE_NEXT : STAGE_FAIL;
    }
    return refuse(x, job);
}

enum verdict stage_refer(struct exchange *x)
{
    enum verdict v;

    if (x->local_status || !may_speak_of_files(x) || (!x->errand && !file_refs_may(x->body)))
        return STAGE_NEXT;
    if (!x->errand && (ask(x) == STAGE_FAIL || !x->errand))
        return x->err.code ? STAGE_FAIL : STAGE_NEXT;
    if (files_wait(x) == STAGE_WAIT)
        return STAGE_WAIT;
    if (x->errand->job.err.code)
        return exchange_fail(x, ERR_OVERLOADED,
                             "what is known of files cannot be read now, try again shortly");
    v = pin(x);
    files_release(x);
    return v;
}
