/* shelf.c - bytes that a later request of the same user may ask for by an id. */
#include "exchange/shelf.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/panic.h"
#include "base/table.h"

#define SHARDS       16 // a power of two
#define MAX_ID_BYTES 256

struct entry {
    struct list used;   // of its shard, latest first
    struct entry *next; // of its bucket
    uint64_t hash;
    int64_t tenant, expires_at_ms, ttl_ms;
    size_t id_len, value_len;
    char bytes[]; // id, value
};

struct shard {
    pthread_mutex_t lock;
    struct entry **buckets; // [bucket_count]
    size_t bucket_count;    // a power of two
    struct list used;
    size_t count, bytes;
};

struct shelf {
    struct shelf_limits limits; // `entries` and `bytes` are of one shard
    uint64_t seed;
    struct shard shards[SHARDS];
};

static void *get_memory(size_t count, size_t size)
{
    void *p = calloc(count, size);

    if (!p)
        panic("out of memory: a shelf");
    return p;
}

struct shelf *shelf_new(struct shelf_limits limits, uint64_t seed)
{
    struct shelf *s = get_memory(1, sizeof(*s));
    size_t buckets = 1;

    s->seed = seed;
    s->limits = limits;
    s->limits.entries = (limits.entries + SHARDS - 1) / SHARDS;
    s->limits.bytes = (limits.bytes + SHARDS - 1) / SHARDS;
    while (buckets < s->limits.entries)
        buckets *= 2;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &s->shards[i];
        pthread_mutex_init(&shard->lock, NULL);
        list_init(&shard->used);
        shard->bucket_count = buckets;
        shard->buckets = get_memory(buckets, sizeof(struct entry *));
    }
    return s;
}

void shelf_free(struct shelf *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        list_for_each_safe(at, &s->shards[i].used)
            free(list_entry(at, struct entry, used));
        free(s->shards[i].buckets);
        pthread_mutex_destroy(&s->shards[i].lock);
    }
    free(s);
}

/* The low bits choose the shard, the others the bucket. */
static struct entry **bucket_of(struct shard *shard, uint64_t hash)
{
    return &shard->buckets[(hash / SHARDS) & (shard->bucket_count - 1)];
}

static uint64_t hash_of(const struct shelf *s, int64_t tenant, struct slice id)
{
    return hash_bytes(s->seed ^ (uint64_t)tenant * 0x9e3779b97f4a7c15u, id);
}

static struct entry *find(struct shard *shard, uint64_t hash, int64_t tenant, struct slice id)
{
    for (struct entry *e = *bucket_of(shard, hash); e; e = e->next) {
        if (e->hash == hash && e->tenant == tenant && slice_eq(slice_of(e->bytes, e->id_len), id))
            return e;
    }
    return NULL;
}

static void take_out(struct shard *shard, struct entry *e)
{
    struct entry **at = bucket_of(shard, e->hash);

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    list_remove(&e->used);
    shard->count--;
    shard->bytes -= e->value_len;
}

static struct entry *oldest(struct shard *shard)
{
    return list_entry(shard->used.prev, struct entry, used);
}

static struct entry *entry_new(uint64_t hash, int64_t tenant, struct slice id, struct slice value)
{
    struct entry *e = malloc(sizeof(*e) + id.len + value.len);

    if (!e)
        panic("out of memory: a shelf");
    *e = (struct entry){.hash = hash, .tenant = tenant, .id_len = id.len, .value_len = value.len};
    memcpy(e->bytes, id.ptr, id.len);
    memcpy(e->bytes + id.len, value.ptr, value.len);
    return e;
}

/* What has to go is only unlinked under the lock, and chained through `next` to be freed. */
static struct entry *put_in(struct shard *shard, struct entry *e, const struct shelf *s)
{
    struct entry **bucket = bucket_of(shard, e->hash), *gone = NULL;
    struct entry *old = find(shard, e->hash, e->tenant, slice_of(e->bytes, e->id_len));

    while (old || shard->count >= s->limits.entries ||
           shard->bytes + e->value_len > s->limits.bytes) {
        struct entry *out = old ? old : oldest(shard);
        old = NULL;
        take_out(shard, out);
        out->next = gone;
        gone = out;
    }
    e->next = *bucket;
    *bucket = e;
    list_push_front(&shard->used, &e->used);
    shard->count++;
    shard->bytes += e->value_len;
    return gone;
}

void shelf_put(struct shelf *s, int64_t tenant, struct slice id, struct slice value, int64_t ttl_ms,
               int64_t now_ms)
{
    uint64_t hash = hash_of(s, tenant, id);
    struct shard *shard = &s->shards[hash % SHARDS];
    struct entry *e, *gone;

    if (!id.len || id.len > MAX_ID_BYTES || !value.len || value.len > s->limits.value_bytes ||
        value.len > s->limits.bytes || !s->limits.entries)
        return;
    e = entry_new(hash, tenant, id, value);
    e->ttl_ms = ttl_ms;
    e->expires_at_ms = now_ms + ttl_ms;
    pthread_mutex_lock(&shard->lock);
    gone = put_in(shard, e, s);
    pthread_mutex_unlock(&shard->lock);
    while (gone) {
        struct entry *next = gone->next;
        free(gone);
        gone = next;
    }
}

bool shelf_get(struct shelf *s, int64_t tenant, struct slice id, int64_t now_ms, struct arena *a,
               struct slice *value)
{
    uint64_t hash = hash_of(s, tenant, id);
    struct shard *shard = &s->shards[hash % SHARDS];
    struct entry *e, *expired = NULL;
    bool found;

    pthread_mutex_lock(&shard->lock);
    e = find(shard, hash, tenant, id);
    found = e && now_ms < e->expires_at_ms;
    if (found) {
        *value = arena_dup(a, slice_of(e->bytes + e->id_len, e->value_len));
        e->expires_at_ms = now_ms + e->ttl_ms;
        list_remove(&e->used);
        list_push_front(&shard->used, &e->used);
    } else if (e) {
        take_out(shard, e);
        expired = e;
    }
    pthread_mutex_unlock(&shard->lock);
    free(expired);
    return found;
}

void shelf_figures(struct shelf *s, size_t *entries, size_t *bytes)
{
    *entries = *bytes = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&s->shards[i].lock);
        *entries += s->shards[i].count;
        *bytes += s->shards[i].bytes;
        pthread_mutex_unlock(&s->shards[i].lock);
    }
}
