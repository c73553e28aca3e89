#include "probes/tls_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <string.h>

/* OpenSSL's default provider has 12 decoders of public keys in certificates. */
enum { DECODERS = 64 };

/*
 * The default provider, from which all algorithms are borrowed. Its functions want its own context, which
 * leaves no place for a pointer of ours. Set once; never unloaded, as OpenSSL keeps what it has fetched.
 */
static OSSL_PROVIDER *whole;

static const OSSL_ALGORITHM *public_key_decoders(const OSSL_ALGORITHM *all)
{
	static OSSL_ALGORITHM kept[DECODERS + 1];
	size_t count = 0;

	for (; all != NULL && all->algorithm_names != NULL; all++)
		if (strstr(all->property_definition, "structure=SubjectPublicKeyInfo") != NULL &&
		    count < DECODERS)
			kept[count++] = *all;
	return kept;
}

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
	const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, operation, no_cache);

	(void)context;
	return operation == OSSL_OP_DECODER ? public_key_decoders(all) : all;
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

OSSL_LIB_CTX *tls_library_new(void)
{
	OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();

	if (whole == NULL)
		whole = OSSL_PROVIDER_load(NULL, "default");
	if (whole == NULL || library == NULL || OSSL_PROVIDER_add_builtin(library, "mooring", provide) != 1 ||
	    OSSL_PROVIDER_load(library, "mooring") == NULL) {
		OSSL_LIB_CTX_free(library);
		library = NULL;
	}
	ERR_clear_error();
	return library;
}
