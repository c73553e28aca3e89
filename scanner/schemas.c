#include "schemas.h"

#include "probes/dns.h"
#include "probes/geo_record.h"
#include "probes/http.h"
#include "probes/page.h"
#include "probes/tcp.h"
#include "probes/tls.h"
#include "target.h"

void schemas_list(const struct schema *ret_schema[SCHEMAS])
{
	const struct schema *const all[SCHEMAS] = {dns_probe.schema, tcp_probe.schema, tls_probe.schema,
	    http_probe.schema, &cert_schema, &geo_schema, &page_schema, &domain_schema};

	for (size_t i = 0; i < SCHEMAS; i++)
		ret_schema[i] = all[i];
}
