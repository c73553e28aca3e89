/*
 * The program's own log, on standard error. Only the scanner room logs; the other rooms return statuses.
 * Text from the network is made printable. Not thread-safe but for log_line(), which writes a line whole.
 */
#ifndef MOORING_CORE_LOG_H
#define MOORING_CORE_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
/* One line: "mooring: error: ..." */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
