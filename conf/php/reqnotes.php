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
 *
 * And for jobs: numbers that httpd shows and watches, and whether it is a good moment.
 *
 *     reqnotes_metric('thumbs_waiting', count($queue));
 *     if (!reqnotes_go('thumbs', $retry)) { $queue->later($job, $retry); }
 *
 * And feature flags (ReqNotesFlags): whether one is on, which the lines of the request say too.
 *
 *     if (reqnotes_flag('search_v2')) { ... }
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

// Its own condition: the first of two places may have a file that is older.
if (!function_exists('reqnotes_metric')) {
    /** Most bytes and numbers of a file, as httpd reads them; seconds that the answer for a job may take. */
    define('REQNOTES_FILE_MAX', 16384);
    define('REQNOTES_NUMBERS_MAX', 256);
    define('REQNOTES_GO_SECONDS', 2.0);

    /**
     * Drops a number for httpd (ReqNotesMetricFiles), as a file of its own with that name.
     *
     * A name has letters, digits and `_`, begins with no digit, and has at most 64 bytes. Gives false,
     * and never a warning, when the name or the value cannot be or the file cannot be written. The
     * directory is, when it is not given, that of the environment variable REQNOTES_METRIC_FILES, and
     * otherwise /var/lib/reqnotes/metrics.
     *
     * @param int|float|string $value a string that is a number, as databases give it, is one
     */
    function reqnotes_metric(string $name, $value, ?string $directory = null): bool
    {
        return reqnotes_metrics($name, [$name => $value], $directory);
    }

    /**
     * The same with many numbers in one file, which replaces the file as a whole; all or none of them.
     *
     * @param array<string, int|float|string> $numbers at most 256 and 16 KB; by name
     */
    function reqnotes_metrics(string $file, array $numbers, ?string $directory = null): bool
    {
        $text = '';
        foreach ($numbers as $name => $value) {
            // Before PHP 8 a float as a string has the comma of the locale.
            $value = is_float($value) ? var_export($value, true) : (is_int($value) || is_string($value) ? (string) $value : '');
            if (!preg_match('/^[A-Za-z_][A-Za-z0-9_]{0,63}$/D', (string) $name)
                || !preg_match('/^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?$/D', $value)) {
                return false;
            }
            $text .= "$name $value\n";
        }
        if ($text === '' || strlen($text) > REQNOTES_FILE_MAX || count($numbers) > REQNOTES_NUMBERS_MAX
            || !preg_match('/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/D', $file)) {
            return false;
        }
        $directory = $directory ?: (getenv('REQNOTES_METRIC_FILES') ?: '/var/lib/reqnotes/metrics');
        $temporary = '';
        $done = _reqnotes_quietly(static function () use ($text, $directory, $file, &$temporary): bool {
            // Others cannot write it, even for a moment, and httpd looks at no name that begins with a dot.
            // Where it cannot be there, it is elsewhere, and rename() would write through a link.
            $temporary = (string) tempnam($directory, '.reqnotes-');
            return dirname($temporary) === realpath($directory) && chmod($temporary, 0644)
                && file_put_contents($temporary, $text) === strlen($text) && rename($temporary, "$directory/$file");
        });
        if (!$done && $temporary !== '') {
            _reqnotes_quietly(static function () use ($temporary): bool {
                return unlink($temporary);
            });
        }
        return $done;
    }

    /**
     * Whether it is a good moment for a job (ReqNotesJob), as httpd says within two seconds.
     *
     * Otherwise $retry are the seconds after which to ask again: those that httpd says, or 30 to 60, by
     * chance, when it does not answer or has no such job. The URL of the pages is, when it is not given,
     * that of the environment variable REQNOTES_URL, and otherwise http://127.0.0.1/reqnotes. A host
     * should be an address: two seconds do not include looking for a name.
     */
    function reqnotes_go(string $job, ?int &$retry = null, ?string $url = null): bool
    {
        $retry = mt_rand(30, 60);
        if (!preg_match('/^[a-z][a-z0-9_]{0,39}$/D', $job)) {
            return false;
        }
        $url = parse_url($url ?: (getenv('REQNOTES_URL') ?: 'http://127.0.0.1/reqnotes'));
        if (!isset($url['scheme'], $url['host']) || !in_array($url['scheme'], ['http', 'https'], true)) {
            return false;
        }
        $tls = $url['scheme'] === 'https';
        $host = $url['host'] . ':' . ($url['port'] ?? ($tls ? 443 : 80));
        $path = rtrim($url['path'] ?? '', '/') . "/go/$job";
        $answer = '';
        _reqnotes_quietly(static function () use ($tls, $host, $path, &$answer): bool {
            return _reqnotes_ask(($tls ? 'ssl://' : 'tcp://') . $host, "GET $path HTTP/1.0\r\nHost: $host\r\n\r\n", $answer);
        });
        if (preg_match('/^HTTP\/1\.[01] 503 .*?\nRetry-After: (\d{1,6})\r\n/si', $answer, $found)) {
            $retry = (int) $found[1];
        }
        // A page that answers everything with 200 is not httpd's answer.
        return preg_match('/^HTTP\/1\.[01] 200 .*\r\n\r\ngo\n$/sD', $answer) === 1;
    }

    /** Sends a request, and adds the answer to a text, as far as it comes within the time; at most 8 KB. */
    function _reqnotes_ask(string $address, string $request, string &$answer): bool
    {
        $end = hrtime(true) / 1e9 + REQNOTES_GO_SECONDS;
        // Not a URL for file_get_contents(), which php.ini may forbid, and whose time is that of each read.
        $stream = stream_socket_client($address, $code, $message, REQNOTES_GO_SECONDS);
        if (!$stream) {
            return false;
        }
        fwrite($stream, $request);
        while (strlen($answer) < 8192 && ($left = $end - hrtime(true) / 1e9) > 0) {
            stream_set_timeout($stream, 0, 1 + (int) ($left * 1e6));
            $part = fread($stream, 4096);
            if ($part === false || $part === '') {
                break;
            }
            $answer .= $part;
        }
        return fclose($stream);
    }

    /** What a function gives; false when it warns or throws, of which the application's handlers see nothing. */
    function _reqnotes_quietly(callable $function): bool
    {
        $warned = false;
        set_error_handler(static function () use (&$warned): bool {
            return $warned = true;
        });
        try {
            return $function() && !$warned;
        } catch (Throwable $thrown) {
            return false;
        } finally {
            restore_error_handler();
        }
    }
}

// Its own condition, as above.
if (!function_exists('reqnotes_flag')) {
    /** Most flags of a request that are told; as many as httpd has. */
    define('REQNOTES_FLAGS_MAX', 64);

    /**
     * Whether a feature flag (ReqNotesFlags) is on for this request. False without mod_reqnotes, and for
     * a flag that it does not have.
     *
     * That it was asked, and how it stood, is the fact `flags` of the request, by which httpd counts
     * errors for each flag. So ask where the ways part, and not before.
     */
    function reqnotes_flag(string $name): bool
    {
        // PHP's own server, on a developer's desk, has the environment there alone. Elsewhere a variable
        // of the process is none of the request.
        $flags = $_SERVER['FLAGS'] ?? $_SERVER['REDIRECT_FLAGS'] ?? (PHP_SAPI === 'cli-server' ? getenv('FLAGS') : '');
        return reqnotes_flag_is($name, $name !== '' && is_string($flags) && in_array($name, explode(',', $flags), true));
    }

    /**
     * Tells that a flag was asked that is decided elsewhere, and gives the result back.
     *
     * A name is a lower-case letter and up to 39 more of a-z, 0-9 and `_`; any other one is not told,
     * nor is a flag after 64. A flag that was on once in a request was on.
     */
    function reqnotes_flag_is(string $name, bool $result): bool
    {
        static $asked = [];
        $told = $asked[$name] ?? null;
        if ($told || $told === $result || ($told === null && count($asked) === REQNOTES_FLAGS_MAX)
            || !preg_match('/^[a-z][a-z0-9_]{0,39}$/D', $name)) {
            return $result;
        }
        $asked[$name] = $result;
        $list = '';
        foreach ($asked as $flag => $was_on) {
            $list .= ($list === '' ? '' : ',') . ($was_on ? $flag : "-$flag");
        }
        function_exists('apache_note') ? apache_note('flags', $list) : _reqnotes_header('flags', $list);
        return $result;
    }
}
