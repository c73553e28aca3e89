/* Inner side of the HTTP probe: the state of one exchange, shared by http.c, h2.c and http_report.c. */
#ifndef MOORING_PROBES_HTTP_EXCHANGE_H
#define MOORING_PROBES_HTTP_EXCHANGE_H

#include "probes/http.h"
#include "probes/http_body.h"
#include "probes/http_head.h"

/* What every request says beside its target. Languages: whatever the site prefers. */
#define HTTP_ACCEPT "text/html,application/xhtml+xml,*/*;q=0.8"
#define HTTP_ACCEPT_ENCODING "gzip, deflate, br"
#define HTTP_ACCEPT_LANGUAGE "*"

enum http_step { STEP_BEGIN, STEP_WRITE, STEP_HEAD, STEP_BODY };

struct http_exchange {
	enum http_step step;
	const char *request;
	size_t request_length, sent;
	bool reused;
	enum status
	    write_status; /* of a write that failed; what the server said before is read all the same */
	int64_t sent_at, first_byte_at; /* microseconds since the start of the run; first byte: 0 for none */
	struct buf wire;   /* all heads, interim ones included, up to the body; HTTP/2: as text */
	size_t head_start; /* of the present head, in `wire` */
	struct http_head_search search;
	unsigned interim;
	bool has_head; /* `head` is the final one, complete or (after a failure) its complete lines */
	struct http_head head;
	struct http_body body;
	bool complete;	   /* the body was read to its end */
	bool closed;	   /* the server closed the connection */
	bool unasked;	   /* bytes came that belong to no response */
	const char *fault; /* static sentence, or NULL */
};

/* The name and port that are asked for, as Host and :authority say them; arena memory, NULL when it runs out.
 */
const char *http_authority(struct run *run);
/* The final head is there: what comes is the body. */
void http_expect_body(struct run *run);
/* The probe's report(); http_report.c. */
void http_report(struct run *run, enum status status);

#endif
