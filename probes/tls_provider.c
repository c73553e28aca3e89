#include "probes/tls_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <string.h>

/* OpenSSL 3.0 has some 130 algorithms of one kind; what is beyond this is lost to us. */
enum { ALGORITHMS = 255 };

/*
 * The default provider, whose algorithms are lent on. Their functions want its own context, in which there is
 * no place for a pointer of ours. Loaded once and kept: what was fetched from it may live until the end.
 */
static OSSL_PROVIDER *whole;

static bool has_any(const char *text, const char *const *words)
{
	while (*words != NULL && strstr(text, *words) == NULL)
		words++;
	return *words != NULL;
}

/* Certificates hold keys as SubjectPublicKeyInfo. */
static bool is_useful_decoder(const OSSL_ALGORITHM *algorithm)
{
	static const char *const words[] = {"structure=SubjectPublicKeyInfo", NULL};

	return has_any(algorithm->property_definition, words);
}

/* TLS has CBC, GCM, CCM and ChaCha20-Poly1305. */
static bool is_useful_cipher(const OSSL_ALGORITHM *algorithm)
{
	static const char *const words[] = {
	    "WRAP", "XTS", "OFB", "CFB", "CTR", "ECB", "OCB", "SIV", "CTS", NULL};

	return !has_any(algorithm->algorithm_names, words);
}

static const OSSL_ALGORITHM *reduce(const OSSL_ALGORITHM *all, OSSL_ALGORITHM kept[ALGORITHMS + 1],
    bool (*is_useful)(const OSSL_ALGORITHM *algorithm))
{
	size_t count = 0;

	if (kept[0].algorithm_names == NULL)
		for (; all != NULL && all->algorithm_names != NULL && count < ALGORITHMS; all++)
			if (is_useful(all))
				kept[count++] = *all;
	return kept;
}

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
	static OSSL_ALGORITHM decoders[ALGORITHMS + 1], ciphers[ALGORITHMS + 1];
	const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, operation, no_cache);

	(void)context;
	switch (operation) {
	case OSSL_OP_DECODER:
		return reduce(all, decoders, is_useful_decoder);
	case OSSL_OP_CIPHER:
		return reduce(all, ciphers, is_useful_cipher);
	default:
		return all;
	}
}

static int capabilities(void *context, const char *capability, OSSL_CALLBACK *callback, void *arg)
{
	(void)context;
	return OSSL_PROVIDER_get_capabilities(whole, capability, callback, arg);
}

static int provide(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **ret_out,
    void **ret_context)
{
	static const OSSL_DISPATCH out[] = {
	    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
	    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))capabilities},
	    {0, NULL},
	};

	(void)handle;
	(void)in;
	*ret_out = out;
	*ret_context = OSSL_PROVIDER_get0_provider_ctx(whole);
	return 1;
}

struct tls_library tls_library_new(void)
{
	struct tls_library library = {.context = OSSL_LIB_CTX_new()};

	if (whole == NULL)
		whole = OSSL_PROVIDER_load(NULL, "default");
	if (whole != NULL && library.context != NULL &&
	    OSSL_PROVIDER_add_builtin(library.context, "reduced", provide) == 1)
		library.provider = OSSL_PROVIDER_load(library.context, "reduced");
	if (library.provider == NULL) {
		OSSL_LIB_CTX_free(library.context);
		library.context = NULL;
	}
	ERR_clear_error();
	return library;
}

void tls_library_free(struct tls_library library)
{
	if (library.provider != NULL)
		OSSL_PROVIDER_unload(library.provider);
	OSSL_LIB_CTX_free(library.context);
}
