/* A camera module on one serial port, whose sensor is a picture generator. */
#include "board.h"
#include "picture.h"
#include "port.h"

static const struct ll_lane lanes[] = {
    {.id = 0, .kind = LL_LANE_KIND_SIDEBAND, .direction = LL_LANE_DIRECTION_BOTH,
     .coding = LL_LINE_CODING_UART_8N1, .rate_bps = 1000000, .latency_us = 16000},
};

static const struct ll_mode modes[] = {
    {.id = 1, .name = "full", .binning = 1, .width = 320, .height = 240, .formats = 1u << 8 | 1u << 12,
     .default_bits = 8, .interval_us = 100000, .readout_us = 10000},
    {.id = 2, .name = "thumbnail", .binning = 2, .width = 160, .height = 120, .formats = 1u << 8 | 1u << 12,
     .default_bits = 8, .interval_us = 100000, .readout_us = 5000},
};

static const struct ll_control controls[] = {
    {.id = LL_CONTROL_EXPOSURE_TIME, .type = LL_VALUE_TYPE_INTEGER, .name = "ExposureTime", .unit = "us",
     .minimum = {.integer = 30}, .maximum = {.integer = 1000000}, .initial = {.integer = 10000}},
    {.id = 2, .type = LL_VALUE_TYPE_FLOAT, .name = "AnalogueGain", .unit = "",
     .minimum = {.real = 1.0}, .maximum = {.real = 1.0}, .initial = {.real = 1.0}},
    {.id = LL_CONTROL_SENSOR_TEMPERATURE, .type = LL_VALUE_TYPE_FLOAT, .read_only = true,
     .name = "SensorTemperature", .unit = "degC",
     .minimum = {.real = -40.0}, .maximum = {.real = 125.0}, .initial = {.real = 25.0}},
};

static const struct ll_facts facts = {
    .module_id = UINT64_C(0x4C4C000300000001), .vendor = "LaserLink", .product = "STM32F405",
    .serial = "LL-0003-0001", .firmware = "0.1.0", .cfa = {0, 1, 1, 2},
    .pixel_pitch_nm = 3450, .focal_length_um = 6000, .f_number_centi = 200,
    .black_dn16 = PICTURE_BLACK, .white_dn16 = PICTURE_WHITE,
    .rail_mv = 5000, .idle_ma = 40, .sensor_on_ma = 80, .readout_ma_per_gbps = 25,
    .boot_ms = 30, .sensor_power_up_ms = 50,
    .lanes = lanes, .lane_count = 1, .modes = modes, .mode_count = 2, .controls = controls, .control_count = 3,
};

static const struct ll_port port = {
    .read = board_read, .write = board_write, .now_ns = board_now_ns, .pixels = picture_pixels,
};

static struct ll_shell shell;

int main(void) {
    board_start();
    if (!ll_shell_init(&shell, &facts, &port, (uint32_t)board_now_ns(NULL))) {
        return 1;
    }
    for (;;) {
        if (!ll_shell_turn(&shell)) {
            board_rest();
        }
    }
}
