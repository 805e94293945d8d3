<?php
/**
 * Plugin Name: Ariane
 *
 * Put this file into wp-content/mu-plugins/, with your collector and your write key. The second part is for WooCommerce.
 */

const ARIANE_COLLECTOR = 'https://data.example.com';
const ARIANE_WRITE_KEY = 'YOUR_WRITE_KEY';

add_action('wp_head', function () {
    printf('<script defer src="%s" data-write-key="%s"></script>' . "\n", esc_url(ARIANE_COLLECTOR . '/t.js'), esc_attr(ARIANE_WRITE_KEY));
});

// The page that thanks for an order may be loaded again; the order's id makes the event the same one each time.
add_action('woocommerce_thankyou', function ($order_id) {
    $order = wc_get_order($order_id);
    if (!$order) {
        return;
    }
    $products = array_map(fn ($item) => [
        'product_id' => (string) $item->get_product_id(),
        'name' => $item->get_name(),
        'price' => (float) $order->get_item_total($item, true),
        'quantity' => $item->get_quantity(),
    ], array_values($order->get_items()));
    $properties = [
        'order_id' => (string) $order->get_order_number(),
        'total' => (float) $order->get_total(),
        'tax' => (float) $order->get_total_tax(),
        'shipping' => (float) $order->get_shipping_total(),
        'currency' => $order->get_currency(),
        'products' => $products,
    ];
    printf(
        "<script>addEventListener('DOMContentLoaded', function () { window.ariane && ariane.track('Order Completed', %s, { messageId: %s }); });</script>\n",
        wp_json_encode($properties, JSON_HEX_TAG | JSON_HEX_AMP),
        wp_json_encode('order-' . $order->get_order_number(), JSON_HEX_TAG | JSON_HEX_AMP)
    );
});
