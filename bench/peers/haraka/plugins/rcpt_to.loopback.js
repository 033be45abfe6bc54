'use strict'
// A relay for this machine's programs: every message goes to the sink, whose port is in config/sink.

exports.register = function () {
  this.sink = { priority: 0, exchange: '127.0.0.1', port: Number(this.config.get('sink')) }
}

exports.hook_connect = function (next, connection) {
  connection.relaying = true
  next()
}

exports.hook_rcpt = function (next) {
  next(OK)
}

exports.hook_get_mx = function (next) {
  next(OK, this.sink)
}
