/*
 * Every cap of the program, with its unit and why it has that size. A cap that is reached is recorded
 * (`body_truncated`, `error`, a status), never silent.
 */
#ifndef MOORING_CORE_LIMITS_H
#define MOORING_CORE_LIMITS_H

enum {
	/* Text form of a domain name without the root dot (RFC 1035 section 2.3.4: 255 octets on the wire).
	 */
	LIMIT_NAME = 253,
	LIMIT_LABEL = 63,
	/* Bytes of one line of a plain list or one CSV field; longer input is an error with its position. */
	LIMIT_LINE = 64 * 1024,

	/* Memory of one target, bytes: what its records may take, evidence included. A page of the largest
	 * body with its markup tree lives outside of it for the moment it is read. */
	LIMIT_TARGET_MEMORY = 32 * 1024 * 1024,

	/* What the final record of a target may take when that memory is used up, bytes. */
	LIMIT_FINAL_RECORD = 256 * 1024,

	/* Resource records read from one DNS message; the 64 KiB of a message hold at most some 5,000. */
	LIMIT_DNS_RECORDS = 8192,
	/* Steps through compression pointers for one name: a legitimate name has at most 127 labels. */
	LIMIT_DNS_POINTERS = 128,
	/* Length of a CNAME chain that is followed inside one answer. Resolvers stop between 8 and 16. */
	LIMIT_CNAME_CHAIN = 16,

	/* Addresses of one name that are probed; the rest are recorded. Large pools answer with hundreds. */
	LIMIT_ADDRESSES = 16,
	/* NS or MX hosts of one name that are looked up (the root itself has 13), and addresses of each that
	 * are looked up by PTR and located. What is beyond is in the answer's record, and hosts_cut says so.
	 */
	LIMIT_HOSTS = 13,
	LIMIT_HOST_ADDRESSES = 4,

	/* Response head: bytes and lines (the caps that curl and browsers learned). */
	LIMIT_HTTP_HEAD = 300 * 1024,
	LIMIT_HTTP_HEADERS = 5000,
	/* Interim (1xx) responses before the final one. */
	LIMIT_HTTP_INTERIM = 8,
	/* Bytes of a body as received, and after its encodings are undone: enough for any start page. */
	LIMIT_HTTP_BODY = 2 * 1024 * 1024,
	LIMIT_HTTP_DECODED = 4 * 1024 * 1024,
	/* Bytes that are taken from an HTTP/2 connection for one response: twice the largest one, so that
	 * there is room for frames and padding, and an end to whatever else is sent. */
	LIMIT_H2_BYTES = 2 * (LIMIT_HTTP_HEAD + LIMIT_HTTP_BODY),
	/* Content and transfer codings of one response taken together. */
	LIMIT_HTTP_CODINGS = 5,
	/* robots.txt: RFC 9309 section 2.5 asks for at least 500 KiB. Icons: the largest in use are some 400
	   kB. */
	LIMIT_ROBOTS_BODY = 512 * 1024,
	LIMIT_FAVICON_BODY = 1024 * 1024,
	/* Responses of one redirect chain (curl allows 50, browsers 20; ten is what zgrab2 and httpx follow).
	 */
	LIMIT_REDIRECTS = 10,
	/* Length of a URL that is followed or recorded. */
	LIMIT_URL = 8 * 1024,

	/* Bytes of the certificate list in a handshake; OpenSSL's default of 100 kB is less than one
	 * certificate with 10,000 names (210 kB). */
	LIMIT_CHAIN_BYTES = 512 * 1024,
	LIMIT_CHAIN_CERTIFICATES = 16,
	LIMIT_CERTIFICATE_NAMES = 20000,

	/* Bytes of UTF-8 kept of a title, a description and similar short texts. */
	LIMIT_SHORT_TEXT = 4 * 1024,
	/* Identifiers (analytics, verification, filing numbers) recorded of one page. */
	LIMIT_PAGE_IDENTIFIERS = 256,

	/* Entries read from one MMDB record, and their depth (libmaxminddb 1.7.1 bounds neither well). */
	LIMIT_MMDB_ENTRIES = 1024,
	LIMIT_MMDB_DEPTH = 16,

	/* Batches that wait for the writer; beyond it no new target is started. */
	LIMIT_WRITER_QUEUE = 512
};

#endif
