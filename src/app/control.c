/* control.c - the database and the keys that open it, together. */
#include "app/control.h"

#include <string.h>

#include "app/actor.h"
#include "app/file.h"
#include "app/secret_file.h"
#include "base/secret.h"

static enum err use_keys(struct control *c, const struct options *o, struct arena *a,
                         struct err_info *e)
{
    char owner[MASTER_KEY_FINGERPRINT_BYTES] = "";
    struct master_key master;
    struct seal_key seal_key;

    if (store_owner(c->store, owner, sizeof(owner), e) ||
        secret_key_load(o, !owner[0], a, &master, &c->made_key_file, e))
        return e->code;
    master_key_fingerprint(&master, c->fingerprint);
    key_hasher_init_from(&c->hasher, &master, SUBKEY_KEY_DIGEST);
    key_hasher_init_from(&c->envelopes, &master, SUBKEY_ENVELOPE);
    seal_key_init(&seal_key, &master);
    store_use_key(c->store, &seal_key);
    seal_key_wipe(&seal_key);
    secret_wipe(&master, sizeof(master));
    return store_claim(c->store, c->fingerprint, e);
}

enum err control_open(struct control *c, const struct options *o, unsigned flags, struct arena *a,
                      struct err_info *e)
{
    memset(c, 0, sizeof(*c));
    if (!o->dsn_given && !(flags & STORE_MUST_EXIST) && file_make_dir(o->data_dir, e))
        return e->code;
    if (store_open(o->dsn, flags, &c->store, e))
        return e->code;
    actor_is_caller(c->store, NULL); // who is another says so
    if (use_keys(c, o, a, e))
        control_close(c);
    return e->code;
}

void control_close(struct control *c)
{
    store_close(c->store);
    c->store = NULL;
    key_hasher_wipe(&c->hasher);
    key_hasher_wipe(&c->envelopes);
}

enum err control_connect(const struct options *o, struct arena *a, struct store **out,
                         struct err_info *e)
{
    struct control c;

    if (control_open(&c, o, STORE_MUST_EXIST, a, e))
        return e->code;
    *out = c.store;
    key_hasher_wipe(&c.hasher);
    key_hasher_wipe(&c.envelopes);
    return ERR_NONE;
}
