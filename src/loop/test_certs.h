/* test_certs.h - certificates made at test time: an authority, and what it signed. */
#ifndef LOOP_TEST_CERTS_H
#define LOOP_TEST_CERTS_H

#include <assert.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct test_cert {
    X509 *cert;
    EVP_PKEY *key;
    char cert_file[64], key_file[64];
};

static inline void certs_extend(X509 *cert, X509 *issuer, int nid, char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

/* A file that lives until certs_free(). */
static inline FILE *certs_file(char *path, size_t size)
{
    int fd;

    snprintf(path, size, "/tmp/gproxy-test-XXXXXX");
    fd = mkstemp(path);
    assert(fd >= 0);
    return fdopen(fd, "w");
}

static inline void certs_save(struct test_cert *c, const struct test_cert *issuer)
{
    FILE *file = certs_file(c->cert_file, sizeof(c->cert_file));

    PEM_write_X509(file, c->cert);
    if (issuer)
        PEM_write_X509(file, issuer->cert);
    fclose(file);
    file = certs_file(c->key_file, sizeof(c->key_file));
    PEM_write_PrivateKey(file, c->key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
}

/* `issuer` NULL: self-signed.  `names` "DNS:localhost,IP:127.0.0.1", or NULL for an authority. */
static inline struct test_cert certs_make(const char *subject, const char *names,
                                          const struct test_cert *issuer, long from_seconds,
                                          long to_seconds)
{
    struct test_cert c = {.cert = X509_new(), .key = EVP_EC_gen("P-256")};
    X509 *signer = issuer ? issuer->cert : c.cert;
    X509_NAME *name;
    static long serial = 1;
    char constraints[] = "critical,CA:TRUE", san[256];

    assert(c.cert && c.key);
    X509_set_version(c.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(c.cert), from_seconds);
    X509_gmtime_adj(X509_getm_notAfter(c.cert), to_seconds);
    X509_set_pubkey(c.cert, c.key);
    name = X509_get_subject_name(c.cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)subject, -1, -1, 0);
    X509_set_issuer_name(c.cert, X509_get_subject_name(signer));
    if (names) {
        snprintf(san, sizeof(san), "%s", names);
        certs_extend(c.cert, signer, NID_subject_alt_name, san);
    } else {
        certs_extend(c.cert, signer, NID_basic_constraints, constraints);
    }
    assert(X509_sign(c.cert, issuer ? issuer->key : c.key, EVP_sha256()) > 0);
    certs_save(&c, issuer);
    return c;
}

static inline void certs_free(struct test_cert *c)
{
    unlink(c->cert_file);
    unlink(c->key_file);
    X509_free(c->cert);
    EVP_PKEY_free(c->key);
}

#endif
