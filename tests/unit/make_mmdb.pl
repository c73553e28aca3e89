#!/usr/bin/perl
# Writes the small MMDB files that test_geo.c reads: make_mmdb.pl DIRECTORY
use strict;
use warnings;
use utf8;
use MaxMind::DB::Writer::Tree;

my %types = (
    latitude                 => 'double',
    longitude                => 'double',
    accuracy_radius          => 'uint16',
    autonomous_system_number => 'uint32',
    map { $_ => 'map' } qw(country registered_country location names traits),
);

my %centroid = (latitude => 37.751, longitude => -97.822, accuracy_radius => 1000);
my %databases = (
    'nested' => {
        type    => 'GeoLite2-City',
        version => 6,
        bits    => 28,
        map     => { city => 'map' },
        records => {
            '8.8.8.0/24' => {
                country            => { iso_code => 'US', names => { en => 'United States', de => 'USA' } },
                registered_country => { iso_code => 'US' },
                location           => {%centroid},
            },
            '1.1.1.0/24'  => { registered_country => { iso_code => 'AU' } },
            '223.4.0.0/14' => {
                city               => { names => { de => 'H.', en => 'Hangzhou', 'zh-CN' => '杭州' } },
                country            => { iso_code => 'CN' },
                registered_country => { iso_code => 'HK' },
                location           => { latitude => 30.2943, longitude => 120.1663, accuracy_radius => 20 },
            },
            '91.198.174.0/24' => {
                country  => { iso_code => 'NL' },
                location => { latitude => 52.3759, longitude => 4.8975, accuracy_radius => 100 },
                traits   => { autonomous_system_number => 14907, autonomous_system_organization => 'WIKIMEDIA' },
            },
            '9.9.9.0/24'      => {},
            '9.9.10.0/24'     => { country => { iso_code => 'Mars' }, location => { latitude => 91, longitude => 0 } },
            '9.9.11.0/24'     => { city => { names => { en => '市' x 100 } }, location => { latitude => 1 } },
            '2001:4860::/32'  => { country => { iso_code => 'US' }, location => {%centroid} },
        },
    },
    'flat-ipv4' => {
        type    => 'city ipv4',
        version => 4,
        bits    => 24,
        map     => { city => 'utf8_string', latitude => 'float', longitude => 'float' },
        records => {
            '8.8.8.0/24' => {
                city => 'Mountain View', country_code => 'US', latitude => 37.422, longitude => -122.085,
                postcode => '', state1 => 'California', state2 => '', timezone => '',
            },
            '223.5.0.0/16' => { city => 'Hangzhou', country_code => 'CN', latitude => 30.2742, longitude => 120.155 },
            '91.198.174.0/24' => { city => '', country_code => 'US', latitude => 39.7837, longitude => -100.446 },
        },
    },
    'asn' => {
        type    => 'GeoLite2-ASN',
        version => 6,
        bits    => 32,
        map     => {},
        records => {
            '8.8.8.0/24'     => { autonomous_system_number => 15169, autonomous_system_organization => 'Google LLC' },
            '2001:4860::/32' => { autonomous_system_number => 4294967295, autonomous_system_organization => 'Größe' },
        },
    },
);

my ($directory) = @ARGV;
for my $name (sort keys %databases) {
    my $database = $databases{$name};
    my $tree     = MaxMind::DB::Writer::Tree->new(
        ip_version               => $database->{version},
        record_size              => $database->{bits},
        database_type            => $database->{type},
        languages                => ['en'],
        description              => { en => 'For a test' },
        alias_ipv6_to_ipv4       => 0,
        remove_reserved_networks => 0,
        map_key_type_callback    => sub { $database->{map}{ $_[0] } || $types{ $_[0] } || 'utf8_string' },
    );
    $tree->insert_network($_, $database->{records}{$_}) for sort keys %{ $database->{records} };
    open my $out, '>:raw', "$directory/$name.mmdb" or die "$directory/$name.mmdb: $!\n";
    $tree->write_tree($out);
    close $out or die "$directory/$name.mmdb: $!\n";
}
