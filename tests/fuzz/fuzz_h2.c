/* Whatever a server sends on HTTP/2, and then closes: the exchange ends with one outcome, within its limits.
 */
#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/limits.h"
#include "probes/h2.h"
#include "probes/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned done_calls;

static void on_done(struct run *run, enum status status, void *arg)
{
	struct http_run *http = run->state;

	(void)arg;
	assert(status != ST_AGAIN && status != ST_IO_TIMEOUT);
	assert(status != ST_OK || http->status_code >= 101);
	assert(http->header_count <= LIMIT_HTTP_HEADERS);
	assert(http->body.length <= LIMIT_HTTP_DECODED);
	buf_release(&http->body);
	done_calls++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct probe_env env = {.user_agent = "fuzz"};
	struct connection connection = {.name = "example.test",
	    .usable = true,
	    .protocol = PROTOCOL_HTTP2,
	    .endpoint = {.port = 443, .tls = true}};
	struct arena *arena = arena_new(LIMIT_TARGET_MEMORY);
	struct http_run *http;
	struct run *run;
	int fd[2];

	if (env.base == NULL)
		env.base = event_base_new();
	/* More does not fit into the socket at once. */
	if (size > 64 * 1024 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0)
		goto out;
	chan_init(&connection.chan, env.base);
	connection.chan.fd = fd[0];
	if (send(fd[1], data, size, MSG_NOSIGNAL) != (ssize_t)size)
		abort();
	shutdown(fd[1], SHUT_WR);
	run = run_new(&http_probe, &env, arena, "example.test", "example.test");
	http = run->state;
	http->connection = &connection;
	http->url = "https://example.test/";
	http->path = "/";
	done_calls = 0;
	run_start(run, 5000000, on_done, NULL);
	event_base_dispatch(env.base);
	assert(done_calls == 1);
	chan_close(&connection.chan);
	h2_free(connection.h2);
	close(fd[1]);
out:
	arena_free(arena);
	return 0;
}
