/*
 * purple_client.c - libpurple without a window, for the interop tests: the XMPP client that Pidgin and Finch are made of,
 * over BOSH. A process of its own; GLib's main loop, one account, a folder of its own for what libpurple saves.
 *
 *   purple-client FOLDER JID PASSWORD BOSH_URL
 *
 * In, one a line: `say JID TEXT`, `quit`. Out, one a line: `signed-on`, `answer` (a BOSH answer was taken in),
 * `heard JID TEXT`, `signed-off`, `failed REASON`. Standard input that ends is `quit`. The exit code is 0 after `quit`, else 1.
 *
 * SPDX-License-Identifier: MIT
 */
#include <purple.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  GMainLoop* loop;
  PurpleAccount* account;
  gboolean quitting;
} Client;

static void say(const char* event, const char* first, const char* second) {
  printf("%s%s%s%s%s\n", event, first ? " " : "", first ? first : "", second ? " " : "", second ? second : "");
  fflush(stdout);
}

/* --- libpurple's main loop is GLib's ------------------------------------------------------------------------------ */
typedef struct {
  PurpleInputFunction function;
  gpointer data;
} Watch;

static gboolean on_ready(GIOChannel* channel, GIOCondition ready, gpointer data) {
  const Watch* watch = data;
  int condition = 0;
  if (ready & (G_IO_IN | G_IO_HUP | G_IO_ERR)) condition |= PURPLE_INPUT_READ;
  if (ready & (G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL)) condition |= PURPLE_INPUT_WRITE;
  watch->function(watch->data, g_io_channel_unix_get_fd(channel), (PurpleInputCondition)condition);
  return TRUE;
}

static guint add_input(gint fd, PurpleInputCondition wanted, PurpleInputFunction function, gpointer data) {
  int condition = 0;
  if (wanted & PURPLE_INPUT_READ) condition |= G_IO_IN | G_IO_HUP | G_IO_ERR;
  if (wanted & PURPLE_INPUT_WRITE) condition |= G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL;
  Watch* watch = g_new(Watch, 1);
  *watch = (Watch){function, data};
  GIOChannel* channel = g_io_channel_unix_new(fd);
  guint id = g_io_add_watch_full(channel, G_PRIORITY_DEFAULT, (GIOCondition)condition, on_ready, watch, g_free);
  g_io_channel_unref(channel);
  return id;
}

static PurpleEventLoopUiOps loop_ops = {
    .timeout_add = g_timeout_add,
    .timeout_remove = g_source_remove,
    .input_add = add_input,
    .input_remove = g_source_remove,
    .timeout_add_seconds = g_timeout_add_seconds,
};

/* --- what happens ------------------------------------------------------------------------------------------------- */
/* libpurple has no event for "a BOSH answer was taken in", but it says so in its debug output. */
static void on_debug(PurpleDebugLevel level, const char* category, const char* text) {
  if (strcmp(category, "jabber") == 0 && g_str_has_prefix(text, "RecvBOSH")) say("answer", NULL, NULL);
  if (level >= PURPLE_DEBUG_WARNING || g_getenv("PURPLE_CLIENT_DEBUG")) fprintf(stderr, "%s: %s", category, text);
}
static gboolean wants_debug(PurpleDebugLevel level, const char* category) {
  (void)level;
  return category != NULL;
}
static PurpleDebugUiOps debug_ops = {.print = on_debug, .is_enabled = wants_debug};

static void on_disconnect(PurpleConnection* connection, PurpleConnectionError reason, const char* text) {
  (void)connection;
  (void)reason;
  say("failed", text, NULL);
  exit(1);
}
static PurpleConnectionUiOps connection_ops = {.report_disconnect_reason = on_disconnect};

static void set_debug_ops(void) { purple_debug_set_ui_ops(&debug_ops); }
static void set_ops(void) { purple_connections_set_ui_ops(&connection_ops); }
static PurpleCoreUiOps core_ops = {.debug_ui_init = set_debug_ops, .ui_init = set_ops};

static void on_signed_on(PurpleConnection* connection, gpointer data) {
  (void)connection;
  (void)data;
  say("signed-on", NULL, NULL);
}

static void on_signed_off(PurpleConnection* connection, Client* client) {
  (void)connection;
  say("signed-off", NULL, NULL);
  g_main_loop_quit(client->loop);
}

static void on_message(PurpleAccount* account, char* sender, char* html, PurpleConversation* with, guint flags) {
  (void)account;
  (void)with;
  (void)flags;
  char* text = purple_unescape_html(html);
  say("heard", sender, text);
  g_free(text);
}

/* --- what is asked for -------------------------------------------------------------------------------------------- */
static gboolean on_command(GIOChannel* input, GIOCondition ready, gpointer data) {
  (void)ready;
  Client* client = data;
  char* line = NULL;
  gboolean open = g_io_channel_read_line(input, &line, NULL, NULL, NULL) == G_IO_STATUS_NORMAL;
  char** word = g_strsplit(open ? g_strchomp(line) : "quit", " ", 3);
  if (g_strv_length(word) == 3 && strcmp(word[0], "say") == 0) {
    char* html = g_markup_escape_text(word[2], -1);
    purple_conv_im_send(PURPLE_CONV_IM(purple_conversation_new(PURPLE_CONV_TYPE_IM, client->account, word[1])), html);
    g_free(html);
  } else {
    client->quitting = TRUE;
    purple_account_disconnect(client->account);
    open = FALSE;
  }
  g_strfreev(word);
  g_free(line);
  return open;
}

int main(int count, char** argument) {
  if (count != 5) {
    fprintf(stderr, "usage: purple-client FOLDER JID PASSWORD BOSH_URL\n");
    return 64;
  }
  static int handle;
  Client client = {g_main_loop_new(NULL, FALSE), NULL, FALSE};
  purple_util_set_user_dir(argument[1]);
  purple_core_set_ui_ops(&core_ops);
  purple_eventloop_set_ui_ops(&loop_ops);
  if (!purple_core_init("nxb-purple-client")) return 70;
  purple_set_blist(purple_blist_new());

  purple_network_set_stun_server("127.0.0.1");  // else it looks for one in the DNS, of chat.example

  client.account = purple_account_new(argument[2], "prpl-jabber");
  purple_account_set_password(client.account, argument[3]);
  purple_account_set_string(client.account, "bosh_url", argument[4]);
  purple_account_set_string(client.account, "connection_security", "opportunistic_tls");
  purple_account_set_bool(client.account, "auth_plain_in_clear", TRUE);
  purple_accounts_add(client.account);
  purple_signal_connect(purple_connections_get_handle(), "signed-on", &handle, PURPLE_CALLBACK(on_signed_on), NULL);
  purple_signal_connect(purple_connections_get_handle(), "signed-off", &handle, PURPLE_CALLBACK(on_signed_off),
                        &client);
  purple_signal_connect(purple_conversations_get_handle(), "received-im-msg", &handle, PURPLE_CALLBACK(on_message),
                        NULL);
  purple_account_set_enabled(client.account, "nxb-purple-client", TRUE);
  purple_savedstatus_activate(purple_savedstatus_new(NULL, PURPLE_STATUS_AVAILABLE));

  GIOChannel* input = g_io_channel_unix_new(0);
  g_io_add_watch(input, (GIOCondition)(G_IO_IN | G_IO_HUP | G_IO_ERR), on_command, &client);
  g_main_loop_run(client.loop);
  purple_core_quit();
  return client.quitting ? 0 : 1;
}
