/* gemini_logprobs.c - how likely tokens were: logprobsResult and Chat's logprobs.content. */
#include "chat/gemini_inside.h"
#include "chat/peek.h"
#include "json/raw.h"
#include "json/write.h"

static void write_chat_token(struct json_writer *w, struct slice candidate)
{
    struct slice token = peek_get(candidate, SLICE("token"));
    struct slice logprob = peek_get(candidate, SLICE("logProbability"));

    json_key(w, SLICE("token"));
    json_value_raw(w, json_is_string(token) ? token : SLICE("\"\""));
    json_key(w, SLICE("logprob"));
    json_value_raw(w, json_is_number(logprob) ? logprob : SLICE("0"));
    json_key(w, SLICE("bytes"));
    json_value_null(w);
}

static void write_chat_top(struct json_writer *w, struct slice top)
{
    struct peek p = peek_into(peek_get(top, SLICE("candidates")));
    struct slice key, candidate;

    json_key(w, SLICE("top_logprobs"));
    json_open_array(w);
    while (peek_next(&p, &key, &candidate)) {
        json_open_object(w);
        write_chat_token(w, candidate);
        json_close_object(w);
    }
    json_close_array(w);
}

void gemini_logprobs_to_chat(struct slice result, struct buf *out)
{
    struct peek chosen = peek_into(peek_get(result, SLICE("chosenCandidates")));
    struct peek tops = peek_into(peek_get(result, SLICE("topCandidates")));
    struct json_writer w = {.out = out};
    struct slice key, candidate, top;

    if (!peek_next(&chosen, &key, &candidate))
        return;
    json_open_array(&w);
    do {
        json_open_object(&w);
        write_chat_token(&w, candidate);
        if (!peek_next(&tops, &key, &top))
            top = slice_of(NULL, 0);
        write_chat_top(&w, top);
        json_close_object(&w);
    } while (peek_next(&chosen, &key, &candidate));
    json_close_array(&w);
}

static void write_candidate(struct json_writer *w, struct slice entry)
{
    struct slice token = peek_get(entry, SLICE("token"));
    struct slice logprob = peek_get(entry, SLICE("logprob"));

    json_open_object(w);
    json_key(w, SLICE("token"));
    json_value_raw(w, json_is_string(token) ? token : SLICE("\"\""));
    json_key(w, SLICE("logProbability"));
    json_value_raw(w, json_is_number(logprob) ? logprob : SLICE("0"));
    json_close_object(w);
}

static void write_list(struct json_writer *w, struct slice list)
{
    struct peek p = peek_into(list);
    struct slice key, entry;

    json_open_array(w);
    while (peek_next(&p, &key, &entry))
        write_candidate(w, entry);
    json_close_array(w);
}

void gemini_logprobs_from_chat(struct slice content, struct buf *out)
{
    struct peek p = peek_into(content);
    struct json_writer w = {.out = out};
    struct slice key, entry;

    if (peek_is_empty(content) || !json_is_array(content))
        return;
    json_open_object(&w);
    json_key(&w, SLICE("topCandidates"));
    json_open_array(&w);
    while (peek_next(&p, &key, &entry)) {
        json_open_object(&w);
        json_key(&w, SLICE("candidates"));
        write_list(&w, peek_get(entry, SLICE("top_logprobs")));
        json_close_object(&w);
    }
    json_close_array(&w);
    json_key(&w, SLICE("chosenCandidates"));
    write_list(&w, content);
    json_close_object(&w);
}
