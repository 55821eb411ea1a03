<?php
/*
 * Facts about a request, from PHP to the logs of httpd with mod_reqnotes. One file, PHP 7.4 to 8.x.
 *
 *     require 'reqnotes.php';
 *     reqnotes_set('user_id', $user->id);
 *     $context = stream_context_create(['http' => ['header' => 'traceparent: ' . reqnotes_traceparent()]]);
 *
 * mod_php has apache_note(). Elsewhere (PHP-FPM, CGI) a fact is a response header, which httpd
 * takes away again: say `ReqNotesResponseHeaders X-Note-` where the pages are served.
 */

declare(strict_types=1);

/** The prefix of ReqNotesResponseHeaders; define it before this file where it is another one. */
defined('REQNOTES_PREFIX') || define('REQNOTES_PREFIX', 'X-Note-');

/**
 * Sets a fact: a field of httpd's logs that is declared, or one of user_id, api_key, api_method.
 *
 * The last value of a name counts. Gives false, and never a warning, when the fact cannot be set:
 * the name is none that a field can have, or the headers of the response are on their way.
 *
 * @param string|int|float|bool $value
 */
function reqnotes_set(string $name, $value): bool
{
    if (!preg_match('/^[a-z][a-z0-9_.]{0,63}$/D', $name) || !is_scalar($value)) {
        return false;
    }
    $text = is_bool($value) ? ($value ? 'true' : 'false') : (string) $value;
    // A header is one line, and a note ends at a NUL.
    $text = preg_replace('/[\x00-\x1F\x7F]+/', ' ', $text);
    if (function_exists('apache_note')) {
        apache_note($name, $text);
        return true;
    }
    if (headers_sent()) {
        return false;
    }
    header(REQNOTES_PREFIX . str_replace('_', '-', $name) . ': ' . $text);
    return true;
}

/** The ID of the trace that this request belongs to, 32 hex digits; null without mod_reqnotes. */
function reqnotes_trace_id(): ?string
{
    return $_SERVER['TRACE_ID'] ?? $_SERVER['REDIRECT_TRACE_ID'] ?? null;
}

/**
 * The value of a `traceparent` header for a call that this request makes: the callee's parent is
 * the span of this request. Null without mod_reqnotes.
 */
function reqnotes_traceparent(): ?string
{
    return isset($_SERVER['TRACE_ID']) ? $_SERVER['HTTP_TRACEPARENT'] ?? null : null;
}
