// mod_reqnotes: request annotations and trace context in both logs of Apache httpd.
//
// This file is the table of contents: the hooks, in the order in which a configuration and then a
// request meets them, and the module record. What each does stands in its header.

#include "reqnotes/httpd/conf/check.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/directives.hpp"
#include "reqnotes/httpd/conf/dump.hpp"
#include "reqnotes/httpd/errors/fields_item.hpp"
#include "reqnotes/httpd/errors/hook.hpp"
#include "reqnotes/httpd/errors/message_owner.hpp"
#include "reqnotes/httpd/errors/start_message.hpp"
#include "reqnotes/httpd/facts/response_headers.hpp"
#include "reqnotes/httpd/facts/subrequests.hpp"
#include "reqnotes/httpd/facts/user.hpp"
#include "reqnotes/httpd/lifecycle.hpp"
#include "reqnotes/httpd/line/connection_id.hpp"
#include "reqnotes/httpd/line/first_byte.hpp"
#include "reqnotes/httpd/line/log_tags.hpp"
#include "reqnotes/httpd/line/outcome.hpp"
#include "reqnotes/httpd/line/wire.hpp"
#include "reqnotes/httpd/masks/places.hpp"
#include "reqnotes/httpd/metrics/monitor.hpp"
#include "reqnotes/httpd/output/open_logs.hpp"
#include "reqnotes/httpd/start.hpp"
#include "reqnotes/httpd/trace/post_read.hpp"
#include "reqnotes/httpd/trace/random_ids.hpp"
#include "reqnotes/httpd/trace/trace_response.hpp"

namespace {

int pre_config(apr_pool_t* pool, apr_pool_t*, apr_pool_t*) noexcept {
  reqnotes::register_access_log_tags(pool);
  reqnotes::register_error_log_tags(pool);
  return OK;
}

void register_hooks(apr_pool_t*) noexcept {
  static const char* const kLogConfig[] = {"mod_log_config.c", nullptr};
  static const char* const kDir[] = {"mod_dir.c", nullptr};
  static const char* const kUniqueId[] = {"mod_unique_id.c", nullptr};

  ap_hook_pre_config(pre_config, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_check_config(reqnotes::check_config, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_test_config(reqnotes::test_config, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_post_config(reqnotes::post_config, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_post_config(reqnotes::announce, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_post_config(reqnotes::start_counting, nullptr, nullptr, APR_HOOK_LAST);
  ap_hook_pre_mpm(reqnotes::start_first_monitor, nullptr, nullptr, APR_HOOK_LAST);
  ap_hook_open_logs(reqnotes::open_logs, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_monitor(reqnotes::pump_logs, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_monitor(reqnotes::watch_monitor, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_child_init(reqnotes::child_init, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_child_init(reqnotes::begin_child_logs, nullptr, nullptr, APR_HOOK_FIRST);

  ap_hook_pre_connection(reqnotes::identify_connection, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  ap_hook_generate_log_id(reqnotes::generate_log_id, nullptr, kUniqueId, APR_HOOK_FIRST);
  ap_hook_pre_connection(reqnotes::pre_connection, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_post_read_request(reqnotes::post_read_request, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  ap_hook_create_request(reqnotes::create_request, nullptr, nullptr, APR_HOOK_MIDDLE);
  APR_OPTIONAL_HOOK(proxy, create_req, reqnotes::create_proxy_request, nullptr, nullptr,
                    APR_HOOK_MIDDLE);
  APR_OPTIONAL_HOOK(proxy, create_req, reqnotes::watch_proxy_request, nullptr, nullptr,
                    APR_HOOK_MIDDLE);
  ap_hook_pre_translate_name(reqnotes::pre_translate_name, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  ap_hook_post_perdir_config(reqnotes::post_perdir_config, nullptr, nullptr, APR_HOOK_REALLY_FIRST);
  ap_hook_check_access(reqnotes::first_access_checker, nullptr, nullptr, APR_HOOK_REALLY_FIRST,
                       AP_AUTH_INTERNAL_PER_CONF);
  ap_hook_check_access(reqnotes::last_access_checker, nullptr, nullptr, APR_HOOK_REALLY_LAST,
                       AP_AUTH_INTERNAL_PER_CONF);
  ap_hook_check_authz(reqnotes::auth_checker, nullptr, nullptr, APR_HOOK_REALLY_FIRST,
                      AP_AUTH_INTERNAL_PER_CONF);
  ap_hook_fixups(reqnotes::fixups, kDir, nullptr, APR_HOOK_REALLY_LAST);
  ap_hook_insert_filter(reqnotes::insert_response_headers, nullptr, nullptr, APR_HOOK_LAST);
  ap_hook_insert_filter(reqnotes::insert_filters, nullptr, nullptr, APR_HOOK_LAST);
  ap_hook_insert_error_filter(reqnotes::insert_error_response_headers, nullptr, nullptr,
                              APR_HOOK_LAST);
  ap_hook_insert_error_filter(reqnotes::insert_filters, nullptr, nullptr, APR_HOOK_LAST);
  // The handler answer_pages is added by ReqNotesPages.
  ap_hook_error_log(reqnotes::error_log, nullptr, nullptr, APR_HOOK_MIDDLE);
  ap_hook_log_transaction(reqnotes::log_transaction, nullptr, kLogConfig, APR_HOOK_FIRST);
  reqnotes::register_response_headers_filters();
  reqnotes::register_trace_response_filter();
  reqnotes::register_first_byte_filter();
  reqnotes::register_bytes_in_filter();
  reqnotes::register_outcome_filters();
  reqnotes::register_start_message_filters();
}

}  // namespace

__attribute__((visibility("default"))) struct module_struct reqnotes_module = {
    STANDARD20_MODULE_STUFF,
    reqnotes::create_directory_config,
    reqnotes::merge_directory_config,
    reqnotes::create_server_config,
    reqnotes::merge_server_config,
    reqnotes::kCommands.data(),
    register_hooks,
    AP_MODULE_FLAG_NONE,
};
