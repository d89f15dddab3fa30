#include "port.h"

#include <string.h>

bool ll_shell_init(struct ll_shell *shell, const struct ll_facts *facts, const struct ll_port *port,
                   uint32_t first_sequence) {
    memset(shell, 0, sizeof *shell);
    shell->port = port;
    return ll_module_init(&shell->module, facts, first_sequence, port->pixels, port->context);
}

static void follow_contact(struct ll_shell *shell, uint64_t now) {
    const struct ll_port *port = shell->port;
    bool contact = !port->contact || port->contact(port->context);
    if (contact != shell->contact) {
        shell->contact = contact;
        ll_on_contact(&shell->module, contact, now);
    }
}

/* The interlock is looked at after whatever may have changed it. */
static void follow_laser(struct ll_shell *shell) {
    bool laser = ll_laser(&shell->module);
    if (laser != shell->laser && shell->port->laser) {
        shell->port->laser(shell->port->context, laser);
    }
    shell->laser = laser;
}

static bool receive(struct ll_shell *shell, uint64_t now) {
    const struct ll_port *port = shell->port;
    if (shell->staged_at == shell->staged_end) {
        shell->staged_at = 0;
        shell->staged_end = (uint8_t)port->read(port->context, shell->staged, LL_STAGED_BYTES);
    }
    size_t count = (size_t)(shell->staged_end - shell->staged_at);
    if (!count && !shell->module.stalled) {
        return false;
    }
    size_t taken = ll_receive(&shell->module, shell->staged + shell->staged_at, count, now);
    shell->staged_at = (uint8_t)(shell->staged_at + taken);
    return taken > 0;
}

static bool find_frame(struct ll_shell *shell, uint64_t now) {
    for (uint8_t lane = 0; lane <= LL_LANE_KIND_OPTICAL; lane++) {
        size_t size = ll_next_frame(&shell->module, lane, now);
        if (size) {
            shell->out_lane = lane;
            shell->out_at = 0;
            shell->out_end = (uint16_t)size;
            return true;
        }
    }
    return false;
}

static bool send(struct ll_shell *shell, uint64_t now) {
    const struct ll_port *port = shell->port;
    if (shell->out_at == shell->out_end && !find_frame(shell, now)) {
        return false;
    }
    size_t left = (size_t)(shell->out_end - shell->out_at);
    size_t sent = port->write(port->context, shell->out_lane, shell->module.out + shell->out_at, left);
    shell->out_at = (uint16_t)(shell->out_at + sent);
    return sent > 0;
}

bool ll_shell_turn(struct ll_shell *shell) {
    const struct ll_port *port = shell->port;
    uint64_t now = port->now_ns(port->context);
    follow_contact(shell, now);
    bool busy = receive(shell, now);
    if (ll_next_deadline(&shell->module, now) <= now) {
        ll_on_deadline(&shell->module, now);
        busy = true;
    }
    follow_laser(shell);
    return send(shell, now) || busy;
}
