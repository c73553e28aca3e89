#include "tls_world.h"

static void test_tcp_record(void **state)
{
	struct server server = {.play = SILENT};
	struct client client;

	(void)state;
	visit(&client, &server, "example.test", 1000);
	assert_int_equal(client.asked, 1);
	assert_int_equal(client.asked_port, server.port);
	assert_true(address_equal(&client.asked_address, &client.connection.endpoint.address));
	assert_string_equal(client.tcp->phase, "connect");
	assert_string_equal(record_get_text(client.tcp, "address"), "127.0.0.1");
	assert_string_equal(record_get_text(client.tcp, "name"), "example.test");
	assert_string_equal(record_get_text(client.tcp, "address_from"), "from.test");
	assert_int_equal(record_get(client.tcp, "port")->integer, server.port);
	assert_true(record_get(client.tcp, "kernel_rtt")->real > 0);
	assert_true(record_get(client.tcp, "connect_time")->real > 0);
	assert_true(record_get(client.tcp, "local_port")->integer > 0);
	client_release(&client);
}

static void test_tcp_refused(void **state)
{
	struct server server = {.play = SILENT};
	struct client client;

	(void)state;
	server_start(&server);
	server_stop(&server);
	client_init(&client, world.tls);
	client_visit(&client, server.port, "example.test", 2000000);
	assert_int_equal(client.tcp_status, ST_CONNECTION_REFUSED);
	assert_string_equal(client.tcp->error, strerror(ECONNREFUSED));
	assert_null(record_get(client.tcp, "connect_time"));
	assert_int_equal(client.connection.chan.fd, -1);
	client_release(&client);
}

static void test_tcp_not_permitted(void **state)
{
	struct server server = {.play = SILENT};
	struct client client;

	(void)state;
	server_start(&server);
	client_init(&client, world.tls);
	client.permitted = ST_OUT_OF_SCOPE;
	client_visit(&client, server.port, "example.test", 2000000);
	assert_int_equal(client.tcp_status, ST_OUT_OF_SCOPE);
	assert_int_equal(client.asked, 1);
	assert_null(client.tcp->error);
	assert_int_equal(client.connection.chan.fd, -1);
	client_release(&client);
	server_stop(&server);
	assert_false(server.visited);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tcp_record),
	    cmocka_unit_test(test_tcp_refused),
	    cmocka_unit_test(test_tcp_not_permitted),
	};

	return cmocka_run_group_tests(tests, make_world, free_world);
}
