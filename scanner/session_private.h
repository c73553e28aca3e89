/* What the files of the session share: session.c connects, session_redirect.c decides where a redirect leads,
 * session_fetch.c asks for robots.txt, the page and the icon. Not for others. */
#ifndef MOORING_SESSION_PRIVATE_H
#define MOORING_SESSION_PRIVATE_H

#include "scan.h"
#include "session.h"
#include "target.h"

static inline struct scan *session_scan(const struct session *session)
{
	return session->target->job.scan;
}

static inline struct arena *session_arena(const struct session *session)
{
	return session->target->job.arena;
}

/* A new connection to the present endpoint, when a permit is there; then session_next(). */
void session_connect(struct session *session);
/* The next exchange of the present step. */
void session_next(struct session *session);
/* Nothing more is done; the job may end with it. */
void session_end(struct session *session);
/* Ends with a failure; an exchange that did not come to be is recorded. */
void session_fail(struct session *session, enum status status);
/* Once for each authority: begins again with a connection that offers HTTP/2 in place of HTTP/1.1; false when
 * that was tried. */
bool session_try_h2(struct session *session);
/* Gives the record of a handshake that was held back to the batch. */
void session_hand_in_tls(struct session *session);
/* A page has answered with a redirect to `url`: fetches it, moves on, or ends. */
void session_follow(struct session *session, const struct url *url);
bool url_same_authority(const struct url *a, const struct url *b);

#endif
