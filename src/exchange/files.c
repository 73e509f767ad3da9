/* files.c - files at upstreams: whose they are, and who keeps them. */
#include "exchange/files.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/panic.h"
#include "exchange/stages.h"
#include "policy/route.h"

#define ID_MAX_BYTES 256
#define NAMES_BYTES  120 // of providers, in an error text

/* By which limits of requests speak of files. */
#define MODEL SLICE("files")

/* ---- errands ---- */

/* On the worker's thread; whoever asked may have gone. */
static void on_answer(struct file_job *job)
{
    struct file_errand *errand =
        (struct file_errand *)(void *)((char *)job - offsetof(struct file_errand, job));

    errand->gw->errand_count--;
    errand->is_done = true;
    if (errand->x) {
        exchange_wake(errand->x);
        return;
    }
    file_job_release(job);
    free(errand);
}

struct file_errand *files_errand_new(struct exchange *x, enum file_job_kind kind)
{
    struct file_errand *errand = malloc(sizeof(*errand));

    if (!errand)
        panic("out of memory: an errand");
    *errand = (struct file_errand){.gw = x->gw, .x = x};
    file_job_init(&errand->job, kind);
    errand->job.worker = x->gw->worker;
    errand->job.done = on_answer;
    return errand;
}

bool files_ask(struct exchange *x, struct file_errand *errand)
{
    struct file_desk *desk = x->gw->gateway->files;

    files_release(x); // the answer before
    if (!desk || !file_desk_ask(desk, &errand->job)) {
        file_job_release(&errand->job);
        free(errand);
        return false;
    }
    x->gw->errand_count++;
    x->errand = errand;
    return true;
}

enum verdict files_wait(struct exchange *x)
{
    if (x->errand->is_done)
        return STAGE_NEXT;
    x->waiting_for = "the files' desk";
    return STAGE_WAIT;
}

void files_release(struct exchange *x)
{
    struct file_errand *errand = x->errand;

    x->errand = NULL;
    if (!errand)
        return;
    errand->x = NULL;
    if (!errand->is_done)
        return; // on_answer() sees to it
    file_job_release(&errand->job);
    free(errand);
}

/* ---- what upstream is asked for ---- */

bool files_id_is_good(struct slice id)
{
    bool good = id.len > 0 && id.len <= ID_MAX_BYTES && id.ptr[0] != '.';

    for (size_t i = 0; i < id.len && good; i++) {
        char c = id.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.' || c == ':';
    }
    return good;
}

struct slice files_path(struct exchange *x, struct slice id, enum file_act act)
{
    return arena_printf(&x->arena, "/%.*s%s", SLICE_ARG(id), act == FILE_CONTENT ? "/content" : "");
}

const char *files_method(enum file_act act)
{
    return act == FILE_UPLOAD ? "POST" : act == FILE_DELETE ? "DELETE" : "GET";
}

/* Its lines add up: what the client names stays. */
void files_write_beta(const struct channel *c, enum dialect d, struct slice lines, struct buf *out)
{
    if (!c->files_beta || d != DIALECT_ANTHROPIC)
        return;
    while (lines.len) {
        struct slice line = slice_cut(lines, '\n', &lines);
        if (slice_starts_nocase(line, SLICE("anthropic-beta:")) &&
            slice_find_slice(line, SLICE("files-api-")) != SIZE_MAX)
            return;
    }
    head_write_field(out, SLICE("anthropic-beta"), slice_str(c->files_beta));
}

/* ---- where the caller may keep files ---- */

static bool can_keep(const struct provider *p, enum dialect d)
{
    return d != DIALECT_GEMINI && p->routing.cells[OP_FILES][d].kind == CELL_PASSTHROUGH;
}

struct file_keepers files_keepers(struct exchange *x, enum dialect d)
{
    const struct table *all = &x->snapshot->providers;
    const struct table_entry *e;
    struct file_keepers k = {
        .list = arena_array(&x->arena, const struct provider *, all->live + 1),
        .ids = arena_array(&x->arena, int64_t, all->live + 1),
    };

    for (size_t at = 0; (e = table_next(all, &at));) {
        const struct provider *p = e->value;
        if ((x->scope && p != x->scope) || !route_permits_files(x->key, p))
            continue;
        k.permitted++;
        if (!can_keep(p, d))
            continue;
        k.ids[k.count] = p->id;
        k.list[k.count++] = p;
    }
    return k;
}

/* At least one, or the reason why there is none. */
static enum err check_keepers(struct exchange *x, const struct file_keepers *k)
{
    const char *dialect = dialect_name(x->target.dialect);

    if (x->target.dialect == DIALECT_GEMINI)
        return err_set(&x->err, ERR_UNSUPPORTED,
                       "files of Gemini's are not kept here: send what "
                       "is in them inline");
    if (k->count)
        return ERR_NONE;
    if (!k->permitted && x->scope)
        return err_set(&x->err, ERR_FORBIDDEN, "this key may keep no files at provider \"%.*s\"",
                       SLICE_ARG(x->scope->name));
    if (!k->permitted)
        return err_set(&x->err, ERR_FORBIDDEN, "this key may keep no files at any provider");
    if (x->scope)
        return err_set(&x->err, ERR_UNSUPPORTED,
                       "provider \"%.*s\" (%s) keeps no files for clients of %s",
                       SLICE_ARG(x->scope->name), x->scope->channel->name, dialect);
    return err_set(&x->err, ERR_UNSUPPORTED,
                   "no provider where this key may keep files has any for clients of %s", dialect);
}

/* "'a/', 'b/'": what a path may begin with. */
static void name_them(const struct file_keepers *k, char *out, size_t room)
{
    size_t used = 0;

    for (size_t i = 0; i < k->count && used < room; i++) {
        int len = snprintf(out + used, room - used, "%s'/%.*s/v1/files'", i ? ", " : "",
                           SLICE_ARG(k->list[i]->name));
        if (len < 0 || (size_t)len >= room - used) {
            out[used] = '\0';
            return;
        }
        used += (size_t)len;
    }
}

static void set_route(struct exchange *x, const struct provider *p)
{
    size_t size = offsetof(struct route, candidates) + sizeof(x->route->candidates[0]);

    x->route = arena_alloc(&x->arena, size, _Alignof(struct route));
    x->route->count = 1;
    x->route->candidates[0] = (struct candidate){.provider = p, .model = MODEL};
}

/* ---- what is asked for ---- */

static enum verdict resolve_upload(struct exchange *x)
{
    struct file_keepers k;
    char names[NAMES_BYTES];

    if (!x->route) {
        k = files_keepers(x, x->target.dialect);
        if (check_keepers(x, &k) != ERR_NONE)
            return STAGE_FAIL;
        if (k.count > 1) {
            name_them(&k, names, sizeof(names));
            return exchange_fail(x, ERR_BAD_REQUEST,
                                 "this key may keep files at several providers: send them to one, "
                                 "%s",
                                 names);
        }
        set_route(x, k.list[0]);
    }
    return resolve_gather(x);
}

/* Why there is no answer. */
static enum verdict desk_failed(struct exchange *x)
{
    if (x->errand && x->errand->job.err.code == ERR_NOT_FOUND)
        return exchange_fail(x, ERR_BAD_REQUEST,
                             "the file that the page is to begin behind is none of this user's");
    return exchange_fail(x, ERR_OVERLOADED,
                         "what is known of files cannot be read now, try again shortly");
}

static enum verdict ask_for_page(struct exchange *x)
{
    struct file_keepers k = files_keepers(x, x->target.dialect);
    struct file_owner_page page = {
        .user_id = x->key->user->id,
        .dialect = x->target.dialect,
        .providers = k.ids,
        .provider_count = k.count,
        .files = &x->target.file,
        .file_count = x->target.act != FILE_LIST,
        .limit = 1,
    };
    struct file_errand *errand;

    if (check_keepers(x, &k) != ERR_NONE)
        return STAGE_FAIL;
    if (x->target.act == FILE_LIST && files_read_page(x, &page, &x->err) != ERR_NONE)
        return STAGE_FAIL;
    errand = files_errand_new(x, FILE_JOB_LIST);
    errand->job.page = page;
    return files_ask(x, errand) ? STAGE_NEXT : desk_failed(x);
}

/* STAGE_NEXT with an answer in x->errand: a page, or the one file that is asked for. */
static enum verdict look_up(struct exchange *x)
{
    if (!x->errand && ask_for_page(x) == STAGE_FAIL)
        return STAGE_FAIL;
    if (files_wait(x) == STAGE_WAIT)
        return STAGE_WAIT;
    return x->errand->job.err.code ? desk_failed(x) : STAGE_NEXT;
}

static enum verdict answer_here(struct exchange *x)
{
    x->local_status = 200;
    x->local_type = "application/json";
    return STAGE_NEXT;
}

const struct credential *files_credential(struct exchange *x, const struct provider *p, int64_t id)
{
    for (size_t i = 0; i < p->credential_count; i++) {
        if (p->credentials[i].id == id)
            return &p->credentials[i];
    }
    err_set(&x->err, ERR_NO_CANDIDATE,
            "the credential of provider \"%.*s\" that the file was put there with is gone or "
            "disabled: nobody else can reach it",
            SLICE_ARG(p->name));
    return NULL;
}

/* The upstream that has it is asked by the credential that put it there. */
static enum verdict pin(struct exchange *x, const struct file_owner *f)
{
    const struct file_keepers k = files_keepers(x, x->target.dialect);
    const struct provider *p = NULL;

    for (size_t i = 0; i < k.count; i++)
        p = k.ids[i] == f->provider_id ? k.list[i] : p;
    if (!p) // what was looked for is what may be asked
        return exchange_fail(x, ERR_INTERNAL, "the file's provider is gone");
    x->pinned = files_credential(x, p, f->credential_id);
    if (!x->pinned)
        return STAGE_FAIL;
    set_route(x, p);
    x->target.file = arena_dup(&x->arena, f->file);
    x->target.action = files_path(x, x->target.file, x->target.act);
    return STAGE_NEXT;
}

static enum verdict resolve_one(struct exchange *x)
{
    const struct file_job *job = &x->errand->job;
    enum verdict v;

    if (!job->count)
        return exchange_fail(x, ERR_NOT_FOUND, "there is no file '%.*s'",
                             SLICE_ARG(slice_sub(x->target.file, 0, 100)));
    if (x->target.act == FILE_GET) {
        buf_append(&x->local, job->files[0].about);
        v = answer_here(x);
    } else {
        v = pin(x, &job->files[0]);
    }
    files_release(x);
    return v;
}

enum verdict files_resolve(struct exchange *x)
{
    enum verdict v;

    x->asked_model = x->model = MODEL;
    if (x->target.act == FILE_UPLOAD)
        return resolve_upload(x);
    v = look_up(x);
    if (v != STAGE_NEXT)
        return v;
    if (x->target.act != FILE_LIST)
        return resolve_one(x);
    files_write_list(x, &x->errand->job, &x->local);
    files_release(x);
    return answer_here(x);
}
