<?php
/*
 * As much of WordPress and WooCommerce as a plugin meets that prints a tag: hooks, escaping, an order.
 *
 *     php wordpress.php RECIPE.php HOOK [ARGUMENT]    prints what the recipe prints at that hook
 */

$hooks = [];

function add_action(string $name, callable $work): void
{
    $GLOBALS['hooks'][$name][] = $work;
}

function esc_attr(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES);
}

function esc_url(string $url): string
{
    return htmlspecialchars(filter_var($url, FILTER_SANITIZE_URL), ENT_QUOTES);
}

function wp_json_encode($value, int $flags = 0): string
{
    return json_encode($value, $flags | JSON_THROW_ON_ERROR);
}

final class Item
{
    public function get_product_id(): int { return 77; }
    public function get_name(): string { return 'Rope </script><script>window.broken = 1</script> & Sons'; }
    public function get_quantity(): int { return 2; }
}

final class Order
{
    public function get_items(): array { return [12 => new Item()]; }
    public function get_item_total(Item $item, bool $with_tax): string { return $with_tax ? '19.90' : '16.72'; }
    public function get_order_number(): string { return '5001'; }
    public function get_total(): string { return '44.80'; }
    public function get_total_tax(): string { return '7.15'; }
    public function get_shipping_total(): string { return '5.00'; }
    public function get_currency(): string { return 'EUR'; }
}

function wc_get_order($id): Order|false
{
    return $id === '5001' ? new Order() : false;
}

require $argv[1];

foreach ($GLOBALS['hooks'][$argv[2]] ?? [] as $work) {
    $work(...array_slice($argv, 3));
}
