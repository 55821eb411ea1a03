#pragma once

// The one place that includes httpd's headers. The first definition makes the AP_INIT_ macros
// check the types of a directive's setter, which C++ can do since C++20.
#define AP_HAVE_DESIGNATED_INITIALIZER

extern "C" {
#include <ap_expr.h>
#include <ap_mpm.h>
#include <apr_network_io.h>
#include <apr_optional.h>
#include <apr_shm.h>
#include <apr_signal.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <http_config.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <httpd.h>
#include <mod_log_config.h>
#include <mod_proxy.h>
#include <mod_ssl.h>
#include <mpm_common.h>
#include <scoreboard.h>
#include <unixd.h>
#include <util_filter.h>
#include <util_time.h>

// `module` begins a module declaration in C++20, and not every compiler looks further.
extern struct module_struct reqnotes_module;
}

// What APLOG_USE_MODULE would declare, without that word.
static int* const aplog_module_index = &reqnotes_module.module_index;
