/*
 * A session: all that is done with one (address, port) for one name, connection by connection: TCP, TLS,
 * robots.txt, the page with its redirects, the icon.
 */
#ifndef MOORING_SESSION_H
#define MOORING_SESSION_H

#include "core/limits.h"
#include "job.h"
#include "pace.h"
#include "probes/connection.h"
#include "probes/http.h"
#include "probes/url.h"

struct target;

enum session_step { SESSION_CONNECT, SESSION_ROBOTS, SESSION_PAGE, SESSION_FAVICON, SESSION_END };

struct session {
	struct target *target;
	struct connection connection;
	struct pace_ticket ticket;
	bool waiting, holding; /* for a permit; with one */
	bool queued;	       /* for a descriptor, before that */
	bool announced;	       /* the records of this connection's TCP and TLS steps are made */
	bool over_h2;	    /* the present connection is the first that offers HTTP/2: its TLS step is new */
	bool retried;	    /* a kept-alive connection was found closed once already */
	struct record *tls; /* of a handshake that may have to be repeated with HTTP/2, or NULL */
	enum session_step step;
	struct url
	    root; /* what the session begins with; its authority is where the redirects are compared with */
	struct url next_url;	      /* page to fetch next */
	struct url fetch;	      /* of the exchange under way */
	const char *icon, *icon_base; /* the icon as the page names it, and its <base href> or NULL */
	unsigned robots_hops;	      /* redirects that the present robots.txt was followed through */
	struct buf robots;	      /* body of robots.txt of the present authority */
	unsigned redirects;
	struct text_list {
		const char *item[LIMIT_REDIRECTS + 1];
		size_t count;
	} chain; /* URLs fetched for the page, in order */

	/* what came of it, for the outcome */
	enum status status; /* of the last step */
	int http_status_code;
	const char *final_url;
	bool offsite;			 /* the page redirects to another registrable domain */
	const struct session *elsewhere; /* the one that fetches what the page redirects to, or NULL */
	const char *fault;		 /* static; why it ended where a status says too little, or NULL */
	struct record *page;
	struct session *next;
	struct session *queue_prev, *queue_next; /* of those that wait for a descriptor */
};

/* Begins; holds the target's job until the session has ended. `session` is zeroed arena memory with target,
 * the connection's endpoint and name, and root set. */
void session_start(struct session *session);
/* A descriptor is free: the first session that waits for one asks for its permit anew. */
void session_wake_queued(struct scan *scan);
/* The target's time is up: gives back permits that are waited for; runs are cancelled by job_stop(). */
void session_stop(struct session *session);

#endif
