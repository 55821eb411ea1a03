<?php
/*
 * Facts about a request, from PHP to the logs of httpd with mod_reqnotes. One file, PHP 7.4 to 8.x.
 *
 *     require 'reqnotes.php';
 *     reqnotes_set('user_id', $user->id);
 *     $context = stream_context_create(['http' => ['header' => 'traceparent: ' . reqnotes_traceparent()]]);
 *
 * mod_php has apache_note(). Elsewhere (PHP-FPM, CGI) a fact is a response header, which httpd
 * takes away again where `ReqNotesResponseHeaders` says so. There it names its prefix in the
 * environment; without that name nothing is sent, as it would reach the client.
 */

declare(strict_types=1);

// An application may have it from two places, such as auto_prepend_file and Composer.
if (!function_exists('reqnotes_set')) {
    /** Most bytes of a value, and of all headers that this file adds to a response. */
    define('REQNOTES_VALUE_MAX', 2048);
    define('REQNOTES_HEADERS_MAX', 4096);

    /**
     * Sets a fact: a field of httpd's logs that is declared, or one of user_id, api_key, api_method.
     *
     * The last value of a name counts; one of more than 2,048 bytes is cut. Gives false, and never a
     * warning, when the fact cannot be set: the name is none that a field can have, httpd would not
     * take the header back, the headers of the response are on their way, or they are 4,096 bytes.
     * Without mod_php a header_remove() of all headers takes the facts too, but they are set again at
     * the end of the script if its output has not begun.
     *
     * @param string|int|float|bool $value
     */
    function reqnotes_set(string $name, $value): bool
    {
        if (!preg_match('/^[a-z][a-z0-9_.]{0,63}$/D', $name) || !is_scalar($value)) {
            return false;
        }
        // Before PHP 8 a float as a string has the comma of the locale.
        $text = is_bool($value) || is_float($value) ? var_export($value, true) : (string) $value;
        $text = _reqnotes_line($text);
        if (function_exists('apache_note')) {
            apache_note($name, $text);
            return true;
        }
        return _reqnotes_header($name, $text);
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

    /**
     * At most REQNOTES_VALUE_MAX bytes, cut between characters; the mark says that it was cut. In one
     * line, as a header is one, and a note ends at a NUL. No copy is made of a value of any size.
     */
    function _reqnotes_line(string $text): string
    {
        $begin = strspn($text, " \x7F" . implode('', array_map('chr', range(0, 31))));
        $most = 4 * REQNOTES_VALUE_MAX;
        $more = strlen($text) - $begin > $most;
        $text = trim(preg_replace('/[\x00-\x1F\x7F]+/', ' ', substr($text, $begin, $most)), ' ');
        if (!$more && strlen($text) <= REQNOTES_VALUE_MAX) {
            return $text;
        }
        $mark = "\u{2026}";
        $size = min(strlen($text), REQNOTES_VALUE_MAX - strlen($mark));
        // Back to the first byte of a character; text that is not UTF-8 is cut where it is.
        for ($back = 0; $back < 4 && (ord($text[$size - $back] ?? '') & 0xC0) === 0x80; ++$back);
        return substr($text, 0, $back < 4 ? $size - $back : $size) . $mark;
    }

    /** Adds a fact to the headers, and keeps it there until they are sent. */
    function _reqnotes_header(string $name, string $text): bool
    {
        static $facts = [];
        $prefix = $_SERVER['REQNOTES_PREFIX'] ?? null;
        if (!is_string($prefix) || $prefix === '' || headers_sent()) {
            return false;
        }
        $header = $prefix . str_replace('_', '-', $name) . ': ' . $text;
        $others = array_diff_key($facts, [$name => '']);
        if (strlen(implode("\r\n", $others)) + strlen($header) + 4 > REQNOTES_HEADERS_MAX) {
            return false;
        }
        if ($facts === []) {
            // The application may call header_remove(). Not by header_register_callback(), which has
            // room for one function: that of the application.
            register_shutdown_function(static function () use (&$facts): void {
                foreach (headers_sent() ? [] : $facts as $fact) {
                    header($fact);
                }
            });
        }
        $facts[$name] = $header;
        header($header);
        return true;
    }
}
