"""The 256 words of invitation codes, 8 bits each. Short, common, and easy to tell apart when read aloud. Data only."""

TEXT = """
    acorn actor agent alarm album amber anchor angle ankle apple apron arrow aspen atlas attic autumn badge
    bagel baker bamboo banana banjo barley barn basil basket beach beaver bell berry birch bison blanket
    blossom bottle boulder branch brass bread brick bridge bronze brook broom bubble bucket butter button
    cabin cactus camel candle canoe canyon carpet carrot castle cedar cello chalk cherry chess cider cinema
    circle citrus clay cliff clover cobra cocoa comet copper coral cotton cradle crane crayon cricket crystal
    daisy dancer dawn denim desert diamond dolphin donkey dragon drum dune eagle easel echo ember engine
    falcon farmer feather fennel ferry fiddle field finch flame flute forest fossil fountain fox garden garlic
    gazelle ginger glacier globe glove goblet goose granite grape gravel guitar hammer hammock harbor hazel
    hedge helmet heron hill honey hornet iceberg igloo indigo inlet iris island ivory jacket jaguar jasmine
    jelly jigsaw jungle juniper kayak kernel kettle kitten kiwi ladder lagoon lantern lava lemon lentil lichen
    lilac lion lizard lobster lotus magnet maize maple marble meadow melon mint mirror mitten monsoon moose
    mosaic moss muffin nectar needle nickel noodle nutmeg oasis ocean olive onion opal orange orchid otter owl
    oyster paddle panda paper parrot peach pebble pelican pepper pewter piano pigeon pillow pirate planet plum
    pocket pony poplar prairie pumpkin puzzle quartz quilt rabbit radish raft rainbow raven reef ribbon river
    robin rocket saddle saffron salmon sandal satin scarf shadow silver sorrel sparrow spruce squid summit
    sunset tango thistle tiger timber tulip tundra turtle valley velvet violin walnut walrus willow winter
    yogurt zebra
"""

WORDS = tuple(TEXT.split())
