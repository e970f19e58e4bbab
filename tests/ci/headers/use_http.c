/* Every macro of http.h, as C and as C++. Compiled by check.sh, not run. */
#include <cprom/http.h>

CPROM_API int use_http(cprom_registry *registry);

int use_http(cprom_registry *registry)
{
    cprom_http_handler_opts opts = CPROM_INIT(cprom_http_handler_opts);
    cprom_http_request request = CPROM_INIT(cprom_http_request);
    cprom_http_handler *handler = 0;
    cprom_http_response *response = 0;
    opts.self_metrics = true;
    request.method = "GET";
    request.target = "/metrics";
    if (cprom_http_handler_new(registry, &opts, &handler) != CPROM_OK) return -1;
    if (cprom_http_handler_handle(handler, &request, &response) != CPROM_OK) return -1;
    const char *bytes = 0;
    size_t n = 0;
    while (cprom_http_response_next(response, &bytes, &n)) cprom_http_response_sent(response, n);
    int status = cprom_http_response_status(response);
    cprom_http_response_free(response);
    cprom_http_handler_free(handler);
    cprom_http_server_opts server_opts = CPROM_INIT(cprom_http_server_opts);
    cprom_http_server *server = 0;
    server_opts.address = "127.0.0.1:0";
    if (cprom_http_server_start(registry, &server_opts, &server) != CPROM_OK) return -1;
    if (cprom_http_server_address(server)[0] == '\0') status = -1;
    if (cprom_http_server_stop(server) != CPROM_OK) return -1;
    return status;
}
