#include "probes/tcp.h"

#include <string.h>

#include "core/clock.h"

enum { ADDRESS, PORT, NAME, ADDRESS_FROM, CONNECT_TIME, KERNEL_RTT, LOCAL_PORT, FIELD_COUNT };

/* clang-format off */
static const struct field fields[FIELD_COUNT] = {
	[ADDRESS] = {"address", FIELD_TEXT, 0, NULL, "IP address that was connected to", NULL, 0},
	[PORT] = {"port", FIELD_INT, 0, NULL, "TCP port", NULL, 0},
	[NAME] = {"name", FIELD_TEXT, 0, NULL, "host name that the connection is for", NULL, 0},
	[ADDRESS_FROM] = {"address_from", FIELD_TEXT, 0, NULL, "name whose A or AAAA record gave the address", NULL, 0},
	[CONNECT_TIME] = {"connect_time", FIELD_REAL, FIELD_VOLATILE, "s",
	    "from connect() to the moment this program saw the connection; includes its own load", NULL, 0},
	[KERNEL_RTT] = {"kernel_rtt", FIELD_REAL, FIELD_VOLATILE, "s",
	    "round-trip time of the handshake as the kernel measured it (tcpi_rtt)", NULL, 0},
	[LOCAL_PORT] = {"local_port", FIELD_INT, FIELD_VOLATILE, NULL, "own TCP port, to find the packets in a capture", NULL, 0},
};
/* clang-format on */

static const struct schema schema = {
    .record_type = "tcp",
    .version = 1,
    .help = "one TCP connection attempt",
    .field = fields,
    .field_count = FIELD_COUNT,
};

static void wake(void *arg)
{
	run_wake(arg);
}

static enum status advance(struct run *run)
{
	struct tcp_run *tcp = run->state;
	struct connection *connection = tcp->connection;
	struct chan *chan = &connection->chan;
	enum status status;

	if (run->record->phase == NULL) {
		run_phase(run, "connect", ST_CONNECTION_TIMEOUT);
		chan_set_wake(chan, wake, run);
		connection->usable = false;
		connection->exchanges = 0;
		tcp->began = clock_monotonic();
	}
	status = chan_connect(chan, &connection->endpoint.address, connection->endpoint.port,
	    run->env->permit, run->env->permit_arg);
	if (status == ST_OK) {
		record_set_real(run->record, CONNECT_TIME, (double)(clock_monotonic() - tcp->began) / 1e6);
		connection->usable = !connection->endpoint.tls;
	}
	return status;
}

static void report(struct run *run, enum status status)
{
	const struct tcp_run *tcp = run->state;
	const struct connection *connection = tcp->connection;
	const struct chan *chan = &connection->chan;
	struct record *record = run->record;
	char address[ADDRESS_TEXT];
	int64_t rtt = chan_kernel_rtt(chan);

	record_set_text(record, ADDRESS, address_text(&connection->endpoint.address, address));
	record_set_int(record, PORT, connection->endpoint.port);
	record_set_text(record, NAME, connection->name);
	record_set_text(record, ADDRESS_FROM, connection->endpoint.from);
	if (status == ST_OK) {
		record_set_int(record, LOCAL_PORT, chan->local_port);
		if (rtt >= 0)
			record_set_real(record, KERNEL_RTT, (double)rtt / 1e6);
	} else if (chan->sys_errno != 0) {
		record->error = arena_strdup(run->arena, strerror(chan->sys_errno));
	}
}

static void close_run(struct run *run)
{
	struct tcp_run *tcp = run->state;

	chan_set_wake(&tcp->connection->chan, NULL, NULL);
	if (run->record->status != ST_OK)
		chan_close(&tcp->connection->chan);
}

const struct probe tcp_probe = {
    .schema = &schema,
    .state_size = sizeof(struct tcp_run),
    .advance = advance,
    .report = report,
    .close = close_run,
};
