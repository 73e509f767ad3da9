/* relay_file.c - what upstreams say of files, noted before clients hear it; and what is in files. */
#include "base/log.h"
#include "exchange/attempt.h"
#include "exchange/files.h"
#include "exchange/relay.h"
#include "exchange/stages.h"
#include "json/scan.h"

#define ABOUT_BYTES ((size_t)16 * 1024) // of what upstream says of one file

/* ---- notes ---- */

/* The id of the file in upstream's object; a NULL pointer where that is no such object. */
static struct slice find_id(struct exchange *x, struct slice about)
{
    static const struct json_want wants[] = {
        {SLICE_INIT("id"), true}
    };
    struct err_info ignored = {0};
    struct json_span span;
    struct slice id;

    if (json_scan(about, wants, 1, &span, &ignored) != ERR_NONE ||
        !json_string_plain(json_span_slice(about, span), &id) || !files_id_is_good(id))
        return (struct slice){0};
    return arena_dup(&x->arena, id);
}

static bool ask_to_add(struct exchange *x, struct slice about)
{
    struct file_errand *errand = files_errand_new(x, FILE_JOB_ADD);

    errand->job.file = (struct file_owner){
        .provider_id = x->attempt.candidate->provider->id,
        .user_id = x->key->user->id,
        .key_id = x->key->id,
        .credential_id = x->attempt.credential->id,
        .created_unix_ms = x->gw->worker->now_unix_ms,
        .dialect = x->target.dialect,
        .file = x->target.file,
        .about = about,
    };
    return files_ask(x, errand);
}

static bool ask_to_delete(struct exchange *x)
{
    struct file_errand *errand = files_errand_new(x, FILE_JOB_DELETE);

    errand->job.file.provider_id = x->attempt.candidate->provider->id;
    errand->job.file.file = x->target.file;
    return files_ask(x, errand);
}

/* ---- an upload ---- */

static enum verdict tell_undone(struct exchange *x)
{
    return exchange_fail(x, ERR_OVERLOADED,
                         "the file was uploaded, but whose it is could not be noted: it is not "
                         "kept, try again shortly");
}

/* It is nobody's here, so it must not stay there. */
static enum verdict undo(struct exchange *x)
{
    log_event(LOG_WARN, x->id, "file.undone", "provider=%.*s credential=%lld file=%.*s",
              SLICE_ARG(x->attempt.candidate->provider->name), (long long)x->attempt.credential->id,
              SLICE_ARG(x->target.file));
    x->relay.is_undoing = true;
    files_release(x);
    attempt_release(x);
    x->target.act = FILE_DELETE;
    x->attempt.action = files_path(x, x->target.file, FILE_DELETE);
    attempt_repeat(x);
    return relay_file_undo(x);
}

enum verdict relay_file_undo(struct exchange *x)
{
    enum verdict v = STAGE_AGAIN;

    while (v == STAGE_AGAIN && x->attempt.state != ATTEMPT_ANSWERED) {
        if (x->attempt.state == ATTEMPT_FAILED) {
            attempt_log_failure(x); // the file stays there, and is nobody's
            break;
        }
        v = attempt_step(x);
    }
    return v == STAGE_WAIT ? v : tell_undone(x);
}

static enum verdict send(struct exchange *x, struct slice body)
{
    x->outcome = OUTCOME_OK;
    x->http_status = x->attempt.call.status;
    x->relay.sent_bytes = (int64_t)body.len;
    if (!settle_record(x))
        return STAGE_WAIT;
    x->relay.sent_bytes = 0; // counted as they go
    relay_start(x, x->http_status, (int64_t)body.len);
    relay_write(x, body);
    return relay_done(x);
}

/* The client hears of it once it is noted as the caller's. */
static enum verdict end_upload(struct exchange *x, struct slice about)
{
    if (!x->errand) {
        x->target.file = find_id(x, about);
        if (!x->target.file.len)
            return relay_break(x, ERR_UPSTREAM_BROKEN,
                               "the provider's answer to an upload does not say which file it is");
        if (!ask_to_add(x, about))
            return undo(x);
    }
    if (files_wait(x) == STAGE_WAIT)
        return STAGE_WAIT;
    switch ((int)x->errand->job.err.code) {
    case ERR_NONE: return send(x, about);
    case ERR_CONFLICT: // to delete it would be somebody else's loss
        return relay_break(x, ERR_UPSTREAM_BROKEN,
                           "the provider gave the file the id of somebody else's");
    default: return undo(x);
    }
}

/* ---- a deletion ---- */

static enum verdict tell_unnoted(struct exchange *x)
{
    return exchange_fail(x, ERR_OVERLOADED,
                         "the file was deleted, but that could not be noted: delete it again");
}

static enum verdict end_delete(struct exchange *x, struct slice said)
{
    if (!x->errand && !ask_to_delete(x))
        return tell_unnoted(x);
    if (files_wait(x) == STAGE_WAIT)
        return STAGE_WAIT;
    return x->errand->job.err.code ? tell_unnoted(x) : send(x, said);
}

enum verdict relay_file_gone(struct exchange *x)
{
    if (x->attempt.call.status == 404 && !x->errand)
        ask_to_delete(x); // if not now, then when it is deleted again
    if (x->errand && files_wait(x) == STAGE_WAIT)
        return STAGE_WAIT;
    return relay_error(x);
}

enum verdict relay_file(struct exchange *x, struct slice bytes)
{
    struct buf *said = &x->relay.gathered;

    if (bytes.len && buf_len(said) + bytes.len > ABOUT_BYTES)
        return relay_break(x, ERR_UPSTREAM_BROKEN, "the provider says too much of one file");
    if (bytes.len) {
        buf_append(said, bytes);
        http_body_consume(&x->attempt.call.body, bytes.len);
        return STAGE_AGAIN;
    }
    x->deadline_at_ms = 0; // upstream is done, and the desk keeps its own time
    return x->target.act == FILE_UPLOAD ? end_upload(x, buf_peek(said))
                                        : end_delete(x, buf_peek(said));
}

/* ---- what is in a file ---- */

static enum verdict end_content(struct exchange *x)
{
    x->outcome = OUTCOME_OK;
    if (!settle_record(x))
        return STAGE_WAIT;
    relay_write(x, buf_peek(&x->relay.held));
    return relay_done(x);
}

enum verdict relay_content(struct exchange *x, struct slice bytes)
{
    struct http_body *b = &x->attempt.call.body;
    int64_t left = http_body_left(b);

    if (!x->relay.started)
        relay_start(x, x->attempt.call.status, left < 0 ? -1 : (int64_t)b->ready + left);
    if (!bytes.len)
        return end_content(x);
    x->relay.saw_end = b->ended; // these are the last ones: they wait for the record
    if (x->relay.saw_end)
        buf_append(&x->relay.held, bytes);
    else
        relay_write(x, bytes);
    http_body_consume(b, bytes.len);
    return x->relay.saw_end ? end_content(x) : STAGE_AGAIN;
}
